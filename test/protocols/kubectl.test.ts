import { describe, expect, it } from 'vitest';
import { answerOf, execInfo, grantOf, protocolOf, read } from './asked.ts';

const HOSTS = ['k8s.example.com:6443', '127.0.0.1:8080', 'rancher.example.com/k8s/clusters/a'];
const SERVER = 'https://k8s.example.com:6443';
const get = (input: string, grant = grantOf()) => answerOf('kubectl', input, HOSTS, grant);

describe('a kubectl exec credential', () => {
  it.each(['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'])(
    'has the version that was asked with: %s',
    (apiVersion) => {
      expect(JSON.parse(get(execInfo(SERVER, { apiVersion })) ?? '')).toEqual({
        apiVersion,
        kind: 'ExecCredential',
        status: { token: 'access-1', expirationTimestamp: '2030-01-01T01:00:00Z' },
      });
    },
  );

  it('has no end if the token has none', () => {
    const { status } = JSON.parse(get(execInfo(SERVER), grantOf({ expiresAt: null })) ?? '');
    expect(status).toEqual({ token: 'access-1' });
  });

  it('is for the cluster that it is asked for', () => {
    expect(get(execInfo('http://127.0.0.1:8080'))).not.toBeNull();
    expect(get(execInfo('https://rancher.example.com/k8s/clusters/a'))).not.toBeNull();
    expect(get(execInfo('https://rancher.example.com/k8s/clusters/b'))).toBeNull();
    expect(get(execInfo('https://k8s.example.com'))).toBeNull();
    expect(get(execInfo('https://evil.example:6443'))).toBeNull();
    expect(get(execInfo('http://k8s.example.com:6443'))).toBeNull();
  });

  it('is refused where kubectl does not say which cluster, with what mends it', () => {
    const ask = () => read('kubectl', '', execInfo(undefined));
    expect(ask).toThrow(expect.objectContaining({ code: 'refused' }));
    expect(ask).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('provide-cluster-info') }),
    );
  });

  it.each([
    '',
    'x',
    '[]',
    'null',
    '7',
    '{}',
    execInfo(SERVER, { apiVersion: 'client.authentication.k8s.io/v1alpha1' }),
    execInfo(SERVER, { kind: 'Pod' }),
    execInfo(SERVER, { spec: null }),
    execInfo(SERVER, { spec: { cluster: 7 } }),
    execInfo([SERVER]),
    execInfo(`${SERVER}\n`),
  ])('is not given to a request that is none: %#', (input) => {
    expect(get(input)).toBeNull();
  });

  it('fails on stderr, with an exit code', () => {
    expect(protocolOf('kubectl').failed({ code: 'unavailable', message: 'x' })).toEqual({
      stdout: '',
    });
    const request = read('kubectl', '', execInfo('https://evil.example'));
    expect(request.kind === 'get' && request.none).toEqual({ stdout: '', code: 1 });
  });
});
