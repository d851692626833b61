import { TokenctlError } from '../errors.ts';
import { targetOfUrl } from '../hosts/target.ts';
import { malformed, member, parseObject, requirePlain } from './checks.ts';
import { type Grant, type Protocol, type Request, SILENCE } from './protocol.ts';

/** https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins */
export const kubectl: Protocol = {
  operations: {
    '': { input: { environment: 'KUBERNETES_EXEC_INFO' }, read: (input) => read(input) },
  },
  unknown: { stdout: '' },
  greeting: '',
  failed: () => ({ stdout: '' }),
};

const VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

const read = (input: string): Request => {
  const info = parseObject(input || malformed('KUBERNETES_EXEC_INFO is not set; kubectl sets it'));
  const apiVersion =
    VERSIONS.find((known) => known === member(info, 'apiVersion')) ??
    malformed(`not of ${VERSIONS.join(' or ')}`);
  if (member(info, 'kind') !== 'ExecCredential') {
    malformed('not an ExecCredential');
  }
  const server = member(member(member(info, 'spec'), 'cluster'), 'server');
  if (typeof server !== 'string') {
    throw new TokenctlError('refused', 'kubectl does not say for which server it asks', {
      hint: 'kubectl config set-credentials USER --exec-provide-cluster-info=true',
    });
  }
  return {
    kind: 'get',
    target: targetOfUrl(server),
    // There is no way to say "none": kubectl takes the exit code.
    none: { ...SILENCE, code: 1 },
    granted: (grant) => answer(requirePlain(grant), apiVersion),
  };
};

const answer = ({ token, expiresAt }: Grant, apiVersion: string): string => {
  const status = {
    token: token.reveal(),
    ...(expiresAt !== null && { expirationTimestamp: rfc3339(expiresAt) }),
  };
  return `${JSON.stringify({ apiVersion, kind: 'ExecCredential', status })}\n`;
};

const rfc3339 = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z');
