import { TokenctlError } from '../errors.ts';
import { redactor } from '../oauth/redact.ts';
import type { LoginSettings } from './settings.ts';

/** An error of the library, which may hold what it was given, as one of ours. */
export const refusedBy = (
  error: unknown,
  what: string,
  client: LoginSettings['client'],
): TokenctlError => {
  if (error instanceof TokenctlError) {
    return error;
  }
  const { error: code, error_description: description, message } = Object(error);
  const redact = redactor(client.clientSecret === null ? [] : [client.clientSecret]);
  const said = [code ?? message, description].filter((text) => typeof text === 'string');
  return new TokenctlError('refused', `${what}: ${redact(said.join(': '))}`, {
    hint: 'check the client id, its redirect URI and its scopes at the provider',
  });
};
