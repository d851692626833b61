import type { AuthorizationServer } from '../../src/demo/authorization-server.ts';
import type { Phase } from './storm-history.ts';
import type { Errand } from './storm-processes.ts';
import { fingerprint } from './storm-sight.ts';
import type { Witness } from './storm-witness.ts';

/** The commands of a storm, as arguments and as the checker needs to know them. */

const DEFAULT_TIMEOUT_MS = 30_000;

export const getErrand = (
  login: string,
  {
    force = false,
    rejected = null,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    phase = 'storm',
  }: { force?: boolean; rejected?: string | null; timeoutMs?: number; phase?: Phase } = {},
): Errand => ({
  login,
  phase,
  command: {
    kind: 'get',
    force,
    rejected: rejected === null ? null : fingerprint(rejected),
    timeoutMs,
  },
  args: [
    ...['get', login],
    ...(force ? ['--force'] : []),
    ...(rejected === null ? [] : ['--rejected', '-']),
    ...(timeoutMs === DEFAULT_TIMEOUT_MS ? [] : ['--timeout', `${timeoutMs / 1000}s`]),
  ],
  input: rejected ?? '',
});

/** Signs in anew, and hands the tokens over. */
export const importErrand = (
  server: AuthorizationServer,
  witness: Witness,
  login: string,
  lifetime: number,
): Errand => {
  const { family, ...tokens } = witness.grant(login, lifetime);
  return {
    login,
    phase: 'storm',
    command: { kind: 'import', family, timeoutMs: DEFAULT_TIMEOUT_MS },
    args: ['import', login],
    input: JSON.stringify({
      ...tokens,
      token_endpoint: server.tokenEndpoint,
      client_id: server.clientId,
    }),
  };
};

export const removeErrand = (login: string): Errand => ({
  login,
  phase: 'storm',
  command: { kind: 'remove', timeoutMs: DEFAULT_TIMEOUT_MS },
  args: ['remove', login, '--yes'],
});

export const invalidateErrand = (login: string, token: string | null): Errand => ({
  login,
  phase: 'storm',
  command: {
    kind: 'invalidate',
    token: token === null ? null : fingerprint(token),
    timeoutMs: DEFAULT_TIMEOUT_MS,
  },
  args: ['invalidate', login, ...(token === null ? [] : ['--rejected', '-'])],
  input: token ?? '',
});
