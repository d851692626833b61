import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { outputOf } from '../support/client-user.ts';
import { need } from '../support/need.ts';
import { createSetupUser } from '../support/setup-user.ts';

const HOST = 'k8s.example.com:6443';
const SECRET = 'S3cr3t-of-somebody';
const clusterNamed = (name: string): string => `clusters:
- name: ${name}
  cluster: {server: "https://${HOST}"}
`;

const start = async (text: string) => {
  const user = await createSetupUser(HOST);
  const file = join(user.user, '.kube', 'config');
  mkdirSync(join(user.user, '.kube'));
  writeFileSync(file, text);
  return { ...user, file };
};

const USER_BY_HAND = `${clusterNamed('c')}users:
- name: tokenctl
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: /elsewhere/tokenctl
      args: [credential, kubectl]
      interactiveMode: Never
      provideClusterInfo: true
`;

test('a user of that name that setup did not write is not there a second time', async () => {
  const { setup, snapshot, user } = await start(USER_BY_HAND);
  const before = snapshot();
  const { exitCode, stderr } = await setup('kubectl');
  expect([exitCode, stderr]).toEqual([6, expect.stringMatching(/^[^\n]*--user NAME\)\n$/)]);
  expect(snapshot()).toEqual(before);
  expect((await setup('kubectl', '--user', 'other')).exitCode).toBe(0);
  expect((await setup('kubectl', '--undo')).exitCode).toBe(0);
  expect(readFileSync(join(user, '.kube', 'config'), 'utf8')).toBe(USER_BY_HAND);
});

test('what a person has changed in our user is not doubled by another setup either', async () => {
  const { setup, snapshot, file } = await start(clusterNamed('c'));
  await setup('kubectl', '--user', 'x');
  const changed = readFileSync(file, 'utf8').replace('Never', 'IfAvailable');
  writeFileSync(file, changed);
  const before = snapshot();
  expect((await setup('kubectl', '--user', 'x', '--login', 'work')).exitCode).toBe(6);
  expect(snapshot()).toEqual(before);
});

test('a token that was put beside our command is not taken out with it, nor shown', async (context) => {
  need(context, outputOf('kubectl', 'version', '--client') !== '', 'kubectl');
  const { setup, program, file } = await start(clusterNamed('c'));
  await setup('kubectl');
  await program('kubectl', 'config', 'set-credentials', 'tokenctl', `--token=${SECRET}`);
  const { exitCode, stdout, stderr } = await setup('kubectl', '--undo');
  expect(exitCode).toBe(6);
  expect(stdout + stderr).not.toContain(SECRET);
  expect(readFileSync(file, 'utf8')).toContain(SECRET);
});

test('a user that a context has by a merge key is one', async () => {
  const context = 'contexts:\n- name: x\n  context:\n    <<: *base\n';
  const text = `base: &base {cluster: c, user: other}\n${clusterNamed('c')}${context}`;
  const { setup, file } = await start(text);
  const { exitCode, stderr } = await setup('kubectl');
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining('has a user already')]);
  expect(readFileSync(file, 'utf8')).toContain(context);
});

test('the names in a kubeconfig move no cursor, and are one word each for the shell they are pasted to', async () => {
  const name = 'a;touch PWNED;$(touch PWNED)';
  const { setup, program, user } = await start(
    `${clusterNamed(`'${name}'`)}contexts:\n- name: "x\\e[31m"\n  context: {cluster: '${name}', user: u}\n`,
  );
  const { stderr } = await setup('kubectl');
  expect(stderr).not.toMatch(/[^\n\t -~]/);
  const [, command = ''] = /uses it yet: kubectl (.*)\n/.exec(stderr) ?? [];
  const { stdout } = await program('sh', '-c', `printf '%s\\n' ${command}`);
  expect(stdout).toBe(`config\nset-context\n${name}\n--cluster=${name}\n--user=tokenctl\n`);
  expect(existsSync(join(user, 'PWNED'))).toBe(false);
});
