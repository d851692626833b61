import { TokenctlError } from '../errors.ts';
import type { Provider } from '../providers/providers.ts';
import type { NameValues } from '../record-extras.ts';
import type { LoginRequest } from './settings.ts';

/** Those that are ours to set: a stray `redirect_uri` or `state` would undo what protects the sign-in. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['client_id', 'client_secret', 'client_assertion', 'client_assertion_type', 'code'],
  ...['code_challenge', 'code_challenge_method', 'code_verifier', 'device_code', 'dpop_jkt'],
  ...['grant_type', 'id_token_hint', 'nonce', 'redirect_uri', 'refresh_token', 'request'],
  ...['request_uri', 'response_mode', 'response_type', 'scope', 'state', 'assertion'],
]);

export const parametersOf = (request: LoginRequest, preset: Provider | null): NameValues => {
  const reserved = request.parameters.find(([name]) => RESERVED.has(name));
  if (reserved !== undefined) {
    throw new TokenctlError('usage', `--param ${reserved[0]} is for tokenctl to set`, {
      hint: reserved[0] === 'scope' ? 'use --scope' : 'leave it out',
    });
  }
  const own: NameValues = [
    ...request.resources.map((resource) => ['resource', resource] as const),
    ...(request.audience === undefined ? [] : [['audience', request.audience] as const]),
    ...request.parameters,
  ];
  const said = new Set(own.map(([name]) => name));
  const usual = Object.entries(preset?.authorizationParameters ?? {});
  return [...(request.flow === 'machine' ? [] : usual.filter(([name]) => !said.has(name))), ...own];
};
