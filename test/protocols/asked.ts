import { TokenctlError } from '../../src/errors.ts';
import { type HostBinding, parseHostBinding } from '../../src/hosts/binding.ts';
import { chooseLogin } from '../../src/hosts/choose.ts';
import type { Grant, Protocol, Request } from '../../src/protocols/protocol.ts';
import { protocols } from '../../src/protocols/protocols.ts';
import { Secret } from '../../src/secret.ts';

export const protocolOf = (kind: string): Protocol => {
  const protocol = protocols[kind];
  if (protocol === undefined) {
    throw new Error(`there is no ${kind}`);
  }
  return protocol;
};

export const read = (kind: string, operation: string, input: string): Request => {
  const known = protocolOf(kind).operations[operation];
  if (known === undefined) {
    throw new Error(`${kind} has no ${operation}`);
  }
  return known.read(input);
};

export const grantOf = (members: Partial<Grant> = {}): Grant => ({
  username: 'alice',
  token: new Secret('access-1'),
  tokenType: 'Bearer',
  expiresAt: new Date('2030-01-01T01:00:00.789Z'),
  ...members,
});

/** What a login that is bound to these hosts says; null if it says nothing. */
export const answerOf = (
  kind: string,
  input: string,
  hosts: readonly string[],
  grant: Grant = grantOf(),
): string | null => {
  const [operation = ''] = Object.keys(protocolOf(kind).operations);
  try {
    const request = read(kind, operation, input);
    if (request.kind !== 'get' || request.target === null) {
      return null;
    }
    const bindings = hosts.map((host) => parseHostBinding(host) as HostBinding);
    const choice = chooseLogin(request.target, [{ login: 'work', bindings }]);
    return choice.kind === 'one' ? request.granted(grant) : null;
  } catch (error) {
    if (error instanceof TokenctlError) {
      return null;
    }
    throw error;
  }
};

export const replyTo = (kind: string, operation: string, input = ''): unknown => {
  const request = read(kind, operation, input);
  return request.kind === 'reply' ? request.output : request.kind;
};

export const execInfo = (server: unknown, members: object = {}): string =>
  JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: { cluster: { server, 'certificate-authority-data': 'x', config: null } },
    ...members,
  });

export const cargoRequest = (index: unknown, members: object = {}): string =>
  JSON.stringify({
    v: 1,
    kind: 'get',
    operation: 'read',
    registry: { 'index-url': index, name: 'acme', headers: ['WWW-Authenticate: Cargo'] },
    ...members,
  });
