import { dirname, isAbsolute, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../src/cli/duration.ts';
import { errnoOf, TokenctlError } from '../src/errors.ts';
import { tryAcquire } from '../src/lock/acquire.ts';
import { createJudge } from '../src/lock/judge.ts';
import { newLeaseName, parseLeaseName } from '../src/lock/lease-name.ts';
import { livingHolder } from '../src/lock/place.ts';
import { findRemains, removeRemains } from '../src/lock/remains.ts';
import { findPaths, requireLoginName } from '../src/paths.ts';
import { currentProcess } from '../src/platform/process-identity.ts';
import { expectNoSecret, hostileText, inputs, mutated, pathological } from './support/fuzz.ts';
import { deadOwner, foreignOwner } from './support/lock-processes.ts';
import { type Disk, memoryFileSystem, onDisk } from './support/memory-fs.ts';
import { within } from './support/within.ts';

const LARGE = Object.entries(pathological(2 ** 18));

describe('a login name', () => {
  const name = fc.oneof(
    hostileText,
    mutated('alice@work.example.com'),
    fc.stringMatching(/^[A-Za-z0-9._@-]{0,70}$/),
    fc.constantFrom(
      'CON',
      'nul.json',
      '..',
      '.',
      'a/b',
      'a\\b',
      '-rf',
      '--force',
      'work.lock',
      'a~b',
    ),
  );

  it('is a file name of its own in one directory, or a usage error', () => {
    let taken = 0;
    fc.assert(
      fc.property(name, (text) => {
        if (refuses(() => requireLoginName(text))) {
          return;
        }
        taken += 1;
        const path = join('/home/credentials', `${text}.json`);
        expect(dirname(path)).toBe('/home/credentials');
        expect(path).toBe(`/home/credentials/${text}.json`);
        expect(text).not.toMatch(/^-|[\s\p{C}]/u);
      }),
      inputs('name'),
    );
    expect(taken).toBeGreaterThan(inputs('name').numRuns / 20);
  });

  it.each(LARGE)('comes to an end, however long it is: %s', (_what, text) => {
    within(20_000, () => refuses(() => requireLoginName(text)));
    within(20_000, () => parseLeaseName(text));
    within(20_000, () => refuses(() => parseDuration(text, '--timeout')));
  });
});

it('a home is an absolute path, or refused', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      try {
        expect(isAbsolute(findPaths({ TOKENCTL_HOME: text }).credentials)).toBe(true);
        expect(isAbsolute(text)).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ code: 'refused', name: 'TokenctlError' });
        expectNoSecret(error);
      }
    }),
    inputs('name'),
  );
});

it('a duration is a whole number of milliseconds, or a usage error', () => {
  const duration = fc.oneof(
    hostileText,
    mutated('10m'),
    fc.stringMatching(/^\d{1,14}(ms|s|m|h|d)$/),
  );
  fc.assert(
    fc.property(duration, (text) => {
      refuses(() => expect(Number.isSafeInteger(parseDuration(text, '--timeout'))).toBe(true));
    }),
    inputs('duration'),
  );
});

describe('a lock directory with anything in it', () => {
  const DIRECTORY = '/data';
  const LOCK = `${DIRECTORY}/x.lock`;
  const lease = fc.constantFrom(
    newLeaseName(deadOwner()),
    newLeaseName(foreignOwner()),
    newLeaseName(currentProcess()),
  );
  const inLease = fc.constantFrom(
    ...[
      'owner.json',
      'next.json',
      'next.json.new',
      'concluded',
      'spent-1-1',
      'spent--1',
      'spent-1',
    ],
    ...[`spent-${'9'.repeat(60)}-1`, `spent-1-${'9'.repeat(60)}`, '.nfs1', '__proto__'],
  );
  const anyName = fc.oneof(lease, lease.chain(mutated), hostileText, inLease).map(asFileName);
  const beside = fc.oneof(
    fc
      .tuple(
        lease.chain((name) => fc.oneof(fc.constant(name), mutated(name))),
        fc.constantFrom('dead', 'new', 'old', ''),
      )
      .map(([name, kind]) => `x.lock.${asFileName(name)}.${kind}`),
    anyName,
  );
  const entry = (name: fc.Arbitrary<string>) =>
    fc.record({ name, holds: fc.option(fc.array(inLease, { maxLength: 3 }), { nil: null }) });

  it('is waited for, refused or taken over, and nothing that is not a lease of ours is touched', async () => {
    const disks = fc.tuple(
      fc.array(entry(anyName), { maxLength: 2 }),
      fc.array(entry(beside), { maxLength: 4 }),
    );
    await fc.assert(
      fc.asyncProperty(disks, async ([locked, others]) => {
        const before = diskOf(locked, others);
        const { perform, disk } = onDisk(before);
        const place = { fs: memoryFileSystem(perform), lockPath: LOCK, judge: createJudge() };
        await livingHolder(place);
        const acquired = await tryAcquire(place, newLeaseName(currentProcess()), '').catch(codeOf);
        if (typeof acquired === 'string' || acquired.kind !== 'held') {
          expect([...disk()]).toEqual([...before]);
          return;
        }
        for (const remains of await findRemains(place)) {
          expect(parseLeaseName(remains.name)).not.toBeNull();
          for (const { generation, nth } of remains.spent) {
            expect(Number.isSafeInteger(generation) && Number.isSafeInteger(nth)).toBe(true);
          }
          await removeRemains(place, remains);
        }
        await acquired.lease.release();
        const gone = [...before.keys()].filter((path) => !disk().has(path));
        const lost = gone.filter((path) => !path.startsWith(LOCK));
        expect(lost).toEqual([]);
      }),
      inputs('lock directory'),
    );
  });

  function diskOf(
    locked: readonly { name: string; holds: string[] | null }[],
    others: readonly { name: string; holds: string[] | null }[],
  ): Disk {
    const disk = new Map<string, NonNullable<ReturnType<Disk['get']>>>();
    const put = (path: string, holds: string[] | null) => {
      disk.set(
        path,
        holds === null
          ? { kind: 'file', open: null, text: '', mtimeMs: 1 }
          : { kind: 'directory', mtimeMs: 1 },
      );
      for (const name of holds ?? []) {
        disk.set(`${path}/${name}`, { kind: 'file', open: null, text: '', mtimeMs: 1 });
      }
    };
    put(DIRECTORY, []);
    for (const { name, holds } of others) {
      put(`${DIRECTORY}/${name}`, holds);
    }
    put(LOCK, []);
    for (const { name, holds } of locked) {
      put(`${LOCK}/${name}`, holds);
    }
    return disk;
  }
});

/** Of a system error; any other is a bug. */
function codeOf(error: unknown): string {
  const code = errnoOf(error);
  if (code === undefined) {
    throw error;
  }
  return code;
}

/** Whether it was a usage error, in one short line. */
function refuses(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (!(error instanceof TokenctlError)) {
      throw error;
    }
    expect(error.code).toBe('usage');
    expect(error.message.length).toBeLessThan(250);
    expect(error.message).not.toMatch(/[\r\n]/);
    expectNoSecret(error);
    return true;
  }
}

/** What a kernel takes for a file name. */
function asFileName(text: string): string {
  const name = text.replace(/[/\0]/g, '_').slice(0, 200);
  return name === '' || name === '.' || name === '..' ? 'x' : name;
}
