import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { delimiter, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { withAuthority } from '../oauth/certificates.ts';
import { createClientUser, listening, outputOf, tool } from '../support/client-user.ts';
import { need } from '../support/need.ts';
import { recipe } from '../support/readme.ts';

const authority = withAuthority();

const minorVersion = (kubectl: string): number => {
  const said = outputOf(kubectl, 'version', '--client', '--output=json');
  return Number(/"gitVersion": "v1\.(\d+)/.exec(said)?.[1] ?? 0);
};

/** What asks, and for what, call by call: a plugin that writes that down, in front of ours. */
const spyOnPlugin = ({ user, env }: { user: string; env: { PATH: string } }) => {
  const log = join(user, 'asked');
  const plugin = join(user, 'bin', 'tokenctl');
  mkdirSync(join(user, 'bin'));
  const script = `#!/bin/sh\necho "$PPID" $KUBERNETES_EXEC_INFO >>'${log}'\nPATH='${env.PATH}' exec tokenctl "$@"\n`;
  writeFileSync(plugin, script);
  chmodSync(plugin, 0o700);
  writeFileSync(log, '');
  env.PATH = [join(user, 'bin'), env.PATH].join(delimiter);
  return () =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
};

/** An API server that answers with a list of nothing whoever brings a live token, and else 401. */
const startApi = async (isLive: (token: string) => Promise<boolean>) => {
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const port = await listening(
    createServer(authority().issue('IP:127.0.0.1'), async ({ headers, url = '' }, response) => {
      authorizations.push(headers.authorization);
      const [, token = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
      const status = token !== '' && (await isLive(token)) ? 200 : 401;
      requests.push(`${url} ${status}`);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(status === 401 ? UNAUTHORIZED : answerTo(url)));
    }),
  );
  return { requests, authorizations, host: `127.0.0.1:${port}` };
};

const UNAUTHORIZED = {
  ...{ apiVersion: 'v1', kind: 'Status', status: 'Failure', code: 401 },
  reason: 'Unauthorized',
};

const answerTo = (url: string): object => {
  switch (new URL(url, 'https://kubernetes').pathname) {
    case '/api':
      return { kind: 'APIVersions', versions: ['v1'] };
    case '/apis':
      return { kind: 'APIGroupList', apiVersion: 'v1', groups: [] };
    case '/api/v1':
      return { kind: 'APIResourceList', groupVersion: 'v1', resources: [PODS] };
    default:
      return { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] };
  }
};

const PODS = { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: ['list'] };

/** What the README says, as a file, for one that has no option for it yet (and Debian's cannot write its own). */
const OLD_USER = {
  name: 'me',
  user: {
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      command: 'tokenctl',
      args: ['credential', 'kubectl'],
      provideClusterInfo: true,
    },
  },
};

const kubeconfig = (clusters: Readonly<Record<string, string>>) => ({
  ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'ours' },
  clusters: Object.entries(clusters).map(([name, host]) => ({
    name,
    cluster: { server: `https://${host}`, 'certificate-authority': authority().file },
  })),
  contexts: Object.keys(clusters).map((name) => ({ name, context: { cluster: name, user: 'me' } })),
});

describe.each([
  ['kubectl', 24, 99],
  ['kubectl-1.20', 20, 21],
] as const)('%s', (name, from, to) => {
  const kubectl = tool(name);
  const version = minorVersion(kubectl);

  beforeEach((context) =>
    need(context, version >= from && version <= to, `kubectl 1.${from} (.ci/tools brings it)`),
  );

  const createStage = async () => {
    const user = await createClientUser();
    const api = await startApi(user.isLive);
    const other = await startApi(user.isLive);
    const clusters = { ours: api.host, another: other.host };
    writeFileSync(user.env.KUBECONFIG, JSON.stringify(kubeconfig(clusters)));
    const commands = recipe('kubectl config').replaceAll('k8s.example.com:6443', api.host);
    if (version >= 24) {
      const ours = commands.replaceAll('kubectl config', `${kubectl} config`);
      expect(await user.runAs('sh', '-ec', ours)).toMatchObject({ exitCode: 0, stderr: '' });
    } else {
      const old = { ...kubeconfig(clusters), users: [OLD_USER] };
      writeFileSync(user.env.KUBECONFIG, JSON.stringify(old));
      await user.run(['hosts', 'work', 'add', api.host]);
    }
    const run = (...args: string[]) => user.runAs(kubectl, ...args);
    return { ...user, api, other, kubectl: run, asked: spyOnPlugin(user) };
  };

  test('works as the README says, and goes on when the token expires in between', async () => {
    const { kubectl, api, expire, server } = await createStage();
    expect(await kubectl('get', 'pods')).toMatchObject({ exitCode: 0 });
    expect(server.tokenRequests).toBe(0);
    await expire();
    expect(await kubectl('get', 'pods')).toMatchObject({ exitCode: 0 });
    expect(server.tokenRequests).toBe(1);
    expect(api.requests.filter((each) => /^\/api.* 401$/.test(each))).toEqual([]);
  });

  test('asks again when its token was revoked there, without a word of that: it is told to tokenctl', async () => {
    const { kubectl, api, asked, server, token, run } = await createStage();
    await kubectl('get', 'pods');
    const before = asked().length;
    server.rejectAccessToken(token);
    const refused = await kubectl('get', '--raw', '/api');
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('logged in')]);
    // The same process asks twice, in the same words, and does not repeat its request. (Another one may
    // have looked first what version the server has: some distributions' kubectl chooses itself by that.)
    expect(asked().slice(before).at(-1)).toBe(asked().slice(before).at(-2));
    expect(api.requests.filter((each) => /^\/api.* 401$/.test(each))).toHaveLength(1);
    expect(server.tokenRequests).toBe(0);
    expect(await run(['invalidate', 'work'])).toMatchObject({ code: 0 });
    expect(await kubectl('get', 'pods')).toMatchObject({ exitCode: 0 });
    expect(server.tokenRequests).toBe(1);
  });

  test('has nothing for another cluster', async () => {
    const { kubectl, other, asked } = await createStage();
    const refused = await kubectl('--context=another', 'get', '--raw', '/api');
    expect(refused.exitCode).not.toBe(0);
    expect(asked()).not.toEqual([]);
    expect(other.authorizations.filter((each) => each !== undefined)).toEqual([]);
    expect(await kubectl('get', '--raw', '/api')).toMatchObject({ exitCode: 0 });
  });
});
