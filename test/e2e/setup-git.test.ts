import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { createSetupUser } from '../support/setup-user.ts';

const HOST = 'git.example.com';
const REQUEST = `protocol=https\nhost=${HOST}\n\n`;

/** As git does it for a server that takes the token: everybody in the chain is told to store it. */
const fetchOnce = async ({ user, env }: { user: string; env: NodeJS.ProcessEnv }) => {
  const options = { cwd: user, env, extendEnv: false, stripFinalNewline: false };
  const { stdout } = await execa('git', ['credential', 'fill'], { ...options, input: REQUEST });
  await execa('git', ['credential', 'approve'], { ...options, input: stdout });
  return stdout;
};

test.each([
  ['a helper for all', ['credential.helper', 'store']],
  ['a helper for the host, as a URL with its port', [`credential.https://${HOST}:443.helper`, '']],
  ['a helper for hosts of a pattern', ['credential.https://*.example.com.helper', 'store']],
  ['another file', ['include.path', 'more']],
])(
  'setup git again takes its place behind %s that came later',
  async (_, [key = '', value = '']) => {
    const person = await createSetupUser(HOST, `${HOST}:8443`, 'b.example', '127.0.0.1:9');
    const { setup, program, user } = person;
    const file = join(user, '.gitconfig');
    writeFileSync(file, '[user]\n\tname = x');
    writeFileSync(join(user, 'more'), '[credential]\n\thelper = store\n');
    expect((await setup('git')).exitCode).toBe(0);
    expect((await setup('git')).stdout).toContain('already');
    await program('git', 'config', '--global', key, value);
    expect((await setup('git')).stdout).toContain('from now on');
    expect((await setup('git')).stdout).toContain('already');
    expect(await fetchOnce(person)).toContain(person.token);
    expect(existsSync(join(user, '.git-credentials'))).toBe(false);
    expect((await setup('git', '--undo')).exitCode).toBe(0);
    // The line end is git's now.
    expect(readFileSync(file, 'utf8')).toMatch(/^\[user\]\n\tname = x\n\[(?!.*tokenctl)/s);
  },
);

test('setup git for several hosts is undone where something was added to a last line that had no end', async () => {
  const { setup, program, user } = await createSetupUser(HOST, 'b.example');
  const file = join(user, '.gitconfig');
  writeFileSync(file, '[user]\n\tname = x');
  await setup('git');
  await program('git', 'config', '--global', 'later.by', 'person');
  expect((await setup('git', '--undo')).exitCode).toBe(0);
  expect(readFileSync(file, 'utf8')).toBe('[user]\n\tname = x\n[later]\n\tby = person\n');
});

test('setup git reads a file that includes others, and reads them not', async () => {
  const { setup, snapshot, user } = await createSetupUser(HOST);
  const absolute = join(user, 'absolute');
  const text = `[include]\n\tpath = more\n[includeIf "gitdir:~/w/"]\n\tpath = none\n[include]\n\tpath = ${absolute}\n`;
  writeFileSync(join(user, '.gitconfig'), text);
  writeFileSync(join(user, 'more'), '[user]\n\tname = x\n');
  // A part of this one as ours would be is none of this file.
  writeFileSync(
    absolute,
    `[credential "https://${HOST}"]\n\thelper =\n\thelper = !tokenctl credential git\n`,
  );
  const before = snapshot();
  expect((await setup('git')).stdout).toContain('from now on');
  expect((await setup('git', '--undo')).exitCode).toBe(0);
  expect(snapshot()).toEqual(before);
});
