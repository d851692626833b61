import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createSetupUser } from '../support/setup-user.ts';

const HOST = 'git.example.com';

type Kept = { entries: object[]; made: object; pending?: object | null };

/** As it was when setup was killed right before, or right after, it renamed this file. */
const killed = (
  recordPath: string,
  file: string,
  before: Kept,
  { entries, made }: Kept,
  directories: readonly string[] = [],
): void => {
  const temporary = `${file}.tokenctl-0`;
  const hashes = { before: '0', after: '1' };
  const pending = { file, path: file, temporary, ...hashes, entries, made, directories };
  const record = { version: 1, entries: before.entries, made: before.made, pending };
  writeFileSync(recordPath, JSON.stringify(record));
};

test.each(['git', 'docker'])(
  'setup %s or its undo, killed at the rename, and then the file is changed: what is there is undone',
  async (tool) => {
    const { setup, setupRecord, user } = await createSetupUser(HOST);
    const name = tool === 'git' ? '.gitconfig' : '.docker/config.json';
    const file = join(user, name);
    const text = tool === 'git' ? '[user]\n' : '{}';
    const mine = tool === 'git' ? '# mine\n' : '\n\n';
    mkdirSync(join(user, '.docker'));
    writeFileSync(file, text);
    await setup(tool);
    const wired = readFileSync(file, 'utf8');
    const after: Kept = JSON.parse(readFileSync(setupRecord, 'utf8'));
    const before: Kept = { entries: [], made: {} };
    for (const [from, to] of [
      [before, after],
      [after, before],
    ] as const) {
      for (const now of [text, wired]) {
        writeFileSync(file, now + mine);
        killed(setupRecord, file, from, to);
        expect((await setup(tool, '--undo')).exitCode).toBe(0);
        expect(readFileSync(file, 'utf8')).toBe(text + mine);
        expect(existsSync(setupRecord)).toBe(false);
      }
    }
  },
);

test('a file that cannot be handed to git is refused, and no internal error', async () => {
  const { setup, env, user } = await createSetupUser(HOST);
  env.TMPDIR = join(user, 'none');
  const { exitCode, stderr } = await setup('git');
  expect([exitCode, stderr]).toEqual([6, expect.stringMatching(/^[^\n]*temporary directory.*\n$/)]);
});

test('an undo takes hosts and nothing else that would seem to narrow it', async () => {
  const { setup, snapshot } = await createSetupUser(HOST);
  await setup('git');
  const before = snapshot();
  for (const [option = '', ...value] of [['--login', 'b'], ['--registry', 'b'], ['--replace']]) {
    const { exitCode, stderr } = await setup('git', '--undo', option, ...value);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(option)]);
  }
  expect(snapshot()).toEqual(before);
});

test('of two registries one that a person has changed stays, and the other goes', async () => {
  const { setup, user } = await createSetupUser(HOST);
  const file = join(user, '.cargo', 'config.toml');
  const registry = (name: string) => `[registries.${name}]\nindex = "sparse+https://${HOST}/"\n`;
  mkdirSync(join(user, '.cargo'));
  // Names that others may have given, and that say something else where they are not quoted.
  const [one, two] = [registry('one'), registry('"t\\"] w\\u001bo"')];
  writeFileSync(file, one + two);
  await setup('cargo');
  const changed = readFileSync(file, 'utf8').replace('tokenctl"]', 'tokenctl", "--login", "b"]');
  writeFileSync(file, changed);
  await setup('cargo', '--undo');
  expect(readFileSync(file, 'utf8')).toBe(changed.replace(/(.*)credential-provider.*\n/s, '$1'));
  expect(readFileSync(file, 'utf8')).toContain('"--login"');
});

test('the lines to add by hand are TOML, whatever a registry is called, and move no cursor', async () => {
  const { setup, snapshot, user } = await createSetupUser(HOST);
  const name = '"t\\"]\\u001b[2J"';
  mkdirSync(join(user, '.cargo'));
  writeFileSync(
    join(user, '.cargo', 'config.toml'),
    `[registries.${name}]\nindex = """sparse+https://${HOST}/\\\n"""\n`,
  );
  const before = snapshot();
  const { exitCode, stderr } = await setup('cargo');
  expect([exitCode, stderr]).toEqual([6, expect.stringContaining(`[registries.${name}]\n`)]);
  expect(stderr).not.toMatch(/[^\n\t -~]/);
  expect(snapshot()).toEqual(before);
});
