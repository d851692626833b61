import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { TokenctlError } from '../../src/errors.ts';
import { readTarget, replaceTarget } from '../../src/setup/target-file.ts';

const createFile = (text: string | null = 'before', usesLockFile = true) => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-target-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'config');
  if (text !== null) {
    writeFileSync(path, text);
  }
  const bytes = Buffer.from('after');
  const replacement = { bytes, newMode: 0o600, temporary: `${path}.new`, usesLockFile };
  return { directory, path, replacement, text: () => readFileSync(path, 'utf8') };
};

test('a file that was changed after it was read is left as it is', () => {
  const { path, directory, replacement, text } = createFile();
  const target = readTarget(path);
  writeFileSync(path, 'before!');
  expect(replaceTarget(target, replacement)).toBe('changed');
  expect([text(), readdirSync(directory)]).toEqual(['before!', ['config']]);
});

test('a file that was made after it was missed, and one that went, are changed files too', () => {
  const made = createFile(null);
  const target = readTarget(made.path);
  expect(target.bytes).toBe(null);
  writeFileSync(made.path, 'theirs');
  expect(replaceTarget(target, made.replacement)).toBe('changed');
  expect(made.text()).toBe('theirs');
  const gone = createFile();
  const read = readTarget(gone.path);
  rmSync(gone.path);
  expect(replaceTarget(read, gone.replacement)).toBe('changed');
  expect(readdirSync(gone.directory)).toEqual([]);
});

test('a lock file of another program is respected and stays', () => {
  const { path, directory, replacement, text } = createFile();
  writeFileSync(`${path}.lock`, '');
  expect(replaceTarget(readTarget(path), replacement)).toBe('busy');
  expect([text(), readdirSync(directory)]).toEqual(['before', ['config', 'config.lock']]);
  // For a program that takes none it means nothing.
  expect(replaceTarget(readTarget(path), { ...replacement, usesLockFile: false })).toBe('done');
  expect([text(), readdirSync(directory)]).toEqual(['after', ['config', 'config.lock']]);
});

test('nothing is left beside the file, and its mode is kept', () => {
  const { path, directory, replacement } = createFile();
  const { mode } = statSync(path);
  expect(replaceTarget(readTarget(path), replacement)).toBe('done');
  expect([statSync(path).mode, readdirSync(directory)]).toEqual([mode, ['config']]);
  const made = createFile(null);
  expect(replaceTarget(readTarget(made.path), made.replacement)).toBe('done');
  expect(statSync(made.path).mode & 0o777).toBe(0o600);
});

test('a link that leads nowhere, a directory and a device are refused', () => {
  const { path, directory } = createFile(null);
  symlinkSync('nowhere', path);
  expect(() => readTarget(path)).toThrow(/is a link that leads nowhere; nothing was changed/);
  expect(existsSync(join(directory, 'nowhere'))).toBe(false);
  mkdirSync(join(directory, 'd'));
  expect(() => readTarget(join(directory, 'd'))).toThrow(TokenctlError);
  expect(() => readTarget('/dev/null')).toThrow(/is not a regular file/);
  expect(() => readTarget(join('/dev/null', 'x'))).toThrow(/cannot be read \(ENOTDIR\)/);
});
