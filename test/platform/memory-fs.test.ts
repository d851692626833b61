import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errnoOf } from '../../src/errors.ts';
import { attempt } from '../../src/lock/directory.ts';
import { type FileSystem, nodeFileSystem } from '../../src/platform/fs.ts';
import { memoryFileSystem, onDisk } from '../support/memory-fs.ts';

/** The exploration is worth as much as the file system it explores: this one is compared with a real one. */
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tokenctl-fs-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe.skipIf(process.platform === 'win32')('the file system in memory', () => {
  it('answers every sequence of operations as the real one does', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
        runs += 1;
        const root = join(directory, String(runs));
        await nodeFileSystem.mkdir(root);
        const { perform, disk } = onDisk();
        const memory = memoryFileSystem(perform);
        for (const [op, one, two] of operations) {
          const real = await outcome(nodeFileSystem, op, one, two, root);
          expect([op, one, two, await outcome(memory, op, one, two)]).toEqual([op, one, two, real]);
        }
        const inMemory = [...disk()].map(([path, entry]) => [
          path,
          entry.kind === 'file' ? entry.text : null,
        ]);
        expect(inMemory.sort(byPath)).toEqual((await treeOf(root, '')).sort(byPath));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps writing into a file that was renamed with its directory meanwhile', async () => {
    const { perform, disk } = onDisk();
    const fs = memoryFileSystem(perform);
    await fs.mkdir('/lease');
    await fs.create('/lease/next', 'reserved');
    let stepsLeft = 1;
    const slow = memoryFileSystem(async (step) => {
      if (stepsLeft === 0) {
        await fs.rename('/lease', '/aside');
      }
      stepsLeft -= 1;
      return perform(step);
    });
    await slow.overwrite('/lease/next', 'complete');
    expect(disk().get('/aside/next')).toMatchObject({ text: 'complete' });
    expect(await attempt(() => fs.overwrite('/lease/next', 'late'))).toBe('ENOENT');
  });

  it('shows a file that is being made as empty, and one that is overwritten as torn', async () => {
    const seen: unknown[] = [];
    const { perform, disk } = onDisk(new Map(), {
      gate: async () => {
        const entry = disk().get('/file');
        seen.push(entry?.kind === 'file' ? entry.text : null);
      },
    });
    const fs = memoryFileSystem(perform);
    await fs.create('/file', 'first');
    await fs.overwrite('/file', 'second');
    expect(seen).toEqual([null, '', 'first', 'first', 'sec']);
  });

  it('replaces no directory by rename where Windows would not', async () => {
    const { perform } = onDisk(new Map(), { semantics: 'windows' });
    const fs = memoryFileSystem(perform);
    await fs.mkdir('/from');
    await fs.mkdir('/to');
    expect(await attempt(() => fs.rename('/from', '/to'))).toBe('EPERM');
    await fs.rmdir('/to');
    expect(await attempt(() => fs.rename('/from', '/to'))).toBe('done');
  });
});

const OPERATIONS = [
  ...(['mkdir', 'rename', 'readdir', 'rmdir', 'unlink', 'create'] as const),
  ...(['overwrite', 'readText'] as const),
];
const path = fc
  .array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 })
  .map((names) => `/${names.join('/')}`);
const operation = fc.tuple(fc.constantFrom(...OPERATIONS), path, path);

const outcome = async (
  fs: FileSystem,
  op: (typeof OPERATIONS)[number],
  one: string,
  two: string,
  root = '',
): Promise<unknown> => {
  const path = root + one;
  try {
    switch (op) {
      case 'rename':
        return await fs.rename(path, root + two);
      case 'readdir':
        return (await fs.readdir(path)).sort();
      case 'create':
      case 'overwrite':
        return await fs[op](path, `${op} ${two}`);
      case 'readText':
        return await fs.readText(path, 100);
      default:
        return await fs[op](path);
    }
  } catch (error) {
    const errno = errnoOf(error);
    // POSIX leaves the choice in both cases.
    return errno === 'EPERM'
      ? 'EISDIR'
      : errno === 'EEXIST' && op === 'rename'
        ? 'ENOTEMPTY'
        : errno;
  }
};

const treeOf = async (root: string, below: string): Promise<[string, string | null][]> => {
  const found: [string, string | null][] = [];
  for (const name of await readdir(root + below)) {
    const inside = `${below}/${name}`;
    const isDirectory = (await stat(root + inside)).isDirectory();
    found.push([inside, isDirectory ? null : await readFile(root + inside, 'utf8')]);
    found.push(...(isDirectory ? await treeOf(root, inside) : []));
  }
  return found;
};

const byPath = ([a]: readonly unknown[], [b]: readonly unknown[]): number =>
  String(a) < String(b) ? -1 : 1;
