import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { filesBelow } from '../support/expired-login.ts';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import type { Result } from '../support/tokenctl.ts';

let login: SharedLogin;
let passphrasePath: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  login = await createSharedLogin();
  await login.importGrant('work', 0);
  passphrasePath = join(login.home, '..', 'passphrase');
  writeFileSync(passphrasePath, 'correct horse battery staple\n', { mode: 0o600 });
  env = { TOKENCTL_PASSPHRASE_FILE: passphrasePath };
  expect(await login.run(['store', 'work', '--to', 'encrypted'], { env })).toMatchObject({
    code: 0,
    stderr: '',
  });
});

const record = () => JSON.parse(readFileSync(login.recordPath('work'), 'utf8'));

const onDisk = (): string[] => {
  const texts = filesBelow(login.home).map(({ text }) => text);
  return login.server
    .everyIssuedSecret()
    .filter((secret) => secret !== record().access_token)
    .filter((secret) => texts.some((text) => text.includes(secret)));
};

test('30 processes at the expiry of an encrypted login refresh once, and nothing plain is on the disk', async () => {
  const results = await login.runMany(30, ['get', 'work'], { env });
  const { access_token } = record();
  expect(results.map(said)).toEqual(Array(30).fill(`0 ${access_token}`));
  expect(login.server.tokenRequests).toBe(1);
  expect(onDisk()).toEqual([]);
  // The next one is encrypted as well.
  expect((await login.run(['get', 'work', '--force'], { env })).code).toBe(0);
  expect(onDisk()).toEqual([]);
});

test('a fresh token needs no passphrase', async () => {
  expect((await login.run(['get', 'work'], { env })).code).toBe(0);
  const { access_token } = record();
  const broken = { TOKENCTL_PASSPHRASE_FILE: '/nonexistent', TOKENCTL_KEY_COMMAND: 'false' };
  const got = await login.run(['get', 'work'], { env: broken });
  expect(got).toMatchObject({ code: 0, stdout: `${access_token}\n`, stderr: '' });
});

test.each([
  ['no passphrase', {}, 6, 'set TOKENCTL_PASSPHRASE_FILE, or TOKENCTL_KEY_COMMAND'],
  ['another one', { TOKENCTL_KEY_COMMAND: 'echo wrong' }, 6, 'cannot be decrypted'],
  ['a file that is not there', { TOKENCTL_PASSPHRASE_FILE: '/nonexistent' }, 6, 'ENOENT'],
  ['a file that is none', { TOKENCTL_PASSPHRASE_FILE: '/dev/zero' }, 6, 'no small regular file'],
  ['a command that is not there', { TOKENCTL_KEY_COMMAND: '/nonexistent x' }, 6, 'ENOENT'],
  ['a command that fails', { TOKENCTL_KEY_COMMAND: 'false' }, 6, 'exit 1'],
  ['a command that says nothing', { TOKENCTL_KEY_COMMAND: 'true' }, 6, 'empty passphrase'],
  ['a command that never stops', { TOKENCTL_KEY_COMMAND: 'yes' }, 6, 'more than any passphrase'],
  ['a command that hangs', { TOKENCTL_KEY_COMMAND: 'sleep 60' }, 5, 'does not answer'],
])('%s: nothing is sent, and nobody is logged out', async (_, wrong, code, why) => {
  const { kept, state } = record();
  const refused = await login.run(['get', 'work', '--timeout', '1s'], { env: wrong });
  expect(refused).toMatchObject({ code, stdout: '' });
  expect(refused.stderr).toContain(why);
  expect(record()).toMatchObject({ generation: 1, kept, state });
  expect(login.server.tokenRequests).toBe(0);
  expect((await login.run(['get', 'work'], { env })).code).toBe(0);
});

test('a key command runs without a shell: quotes hold words together, and nothing is expanded', async () => {
  const script = join(login.home, '..', 'a key');
  writeFileSync(script, `#!/bin/sh\n[ "$1" = '$HOME;x' ] && cat '${passphrasePath}'\n`);
  chmodSync(script, 0o700);
  const command = { TOKENCTL_KEY_COMMAND: `"${script}" '$HOME;x'` };
  expect(await login.run(['get', 'work'], { env: command })).toMatchObject({ code: 0, stderr: '' });
});

test('what is encrypted for one login is nothing for another', async () => {
  await login.importGrant('other', 0);
  expect((await login.run(['store', 'other', '--to', 'encrypted'], { env })).code).toBe(0);
  const sealed = (name: string) =>
    /"sealed":"[^"]*"/.exec(readFileSync(login.recordPath(name), 'utf8'))?.[0] ?? '';
  const swapped = readFileSync(login.recordPath('work'), 'utf8').replace(
    sealed('work'),
    sealed('other'),
  );
  writeFileSync(login.recordPath('work'), swapped);
  const refused = await login.run(['get', 'work'], { env });
  expect(refused.code).toBe(6);
  expect(refused.stderr).toContain('belongs to another');
  expect(login.server.tokenRequests).toBe(0);
});

test('a copy of an encrypted login is not spent before it is adopted', async () => {
  const moved = readFileSync(login.recordPath('work'), 'utf8');
  writeFileSync(login.recordPath('spare'), moved, { mode: 0o600 });
  expect((await login.run(['get', 'spare'], { env })).code).toBe(6);
  expect((await login.run(['adopt', 'spare'])).code).toBe(0);
  expect((await login.run(['get', 'spare'], { env })).code).toBe(0);
});

const said = ({ code, stdout }: Result): string => `${code} ${stdout.trim()}`;

test('nobody is asked to sign in for tokens that could not be encrypted', async () => {
  const where = ['--authorization-endpoint', 'https://id.example/a', '--token-endpoint'];
  const { code, stderr } = await login.run([
    ...['login', 'other', ...where, 'https://id.example/t', '--client-id', 'cli'],
    ...['--no-browser', '--store', 'encrypted', '--timeout', '20s'],
  ]);
  expect([code, stderr]).toEqual([6, expect.stringContaining('TOKENCTL_PASSPHRASE_FILE')]);
  expect(stderr).not.toContain('https://id.example/a');
  expect(existsSync(login.recordPath('other'))).toBe(false);
});
