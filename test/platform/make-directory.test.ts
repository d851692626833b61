import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeDirectory } from '../../src/platform/make-directory.ts';
import { need } from '../support/need.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tokenctl-mkdir-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('makes it and all above it, for their owner only', async () => {
  const umask = process.umask(0);
  try {
    await makeDirectory(join(root, 'a/b/c'));
  } finally {
    process.umask(umask);
  }
  const modes = ['a', 'a/b', 'a/b/c'].map((path) => statSync(join(root, path)).mode & 0o777);
  expect(modes).toEqual([0o700, 0o700, 0o700]);
});

it('leaves what is there, and does not mind who was faster', async () => {
  await Promise.all(Array.from({ length: 20 }, () => makeDirectory(join(root, 'a/b/c'))));
  await makeDirectory(join(root, 'a'));
  await makeDirectory('/');
  expect(existsSync(join(root, 'a/b/c'))).toBe(true);
});

it('fails where a file is in the way', async () => {
  writeFileSync(join(root, 'file'), '');
  await expect(makeDirectory(join(root, 'file/a'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

it('fails, and not after ever so long, where a link leads nowhere', async () => {
  symlinkSync('gone', join(root, 'link'));
  await expect(makeDirectory(join(root, 'link/a'))).rejects.toMatchObject({ code: 'EEXIST' });
});

it('fails, and not after ever so long, where nothing can be made', async (context) => {
  need(context, existsSync('/proc/self'), 'a /proc');
  await expect(makeDirectory('/proc/nowhere/a')).rejects.toMatchObject({ code: 'ENOENT' });
});
