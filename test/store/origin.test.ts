import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimRecord } from '../../src/claim-record.ts';
import type { Credential } from '../../src/credential.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { parseRecord } from '../../src/record-parser.ts';
import { loginStore } from '../../src/store/file.ts';
import { credentialOf } from '../support/records.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tokenctl-origin-test-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** What passes: false alarms would make people run the command that overrides true ones. */
describe('a store that is at home', () => {
  it('may be moved', async () => {
    await save('home', 1);
    renameSync(join(root, 'home'), join(root, 'moved'));
    expect(await whyForeign('moved')).toBeNull();
  });

  it('may be reached by another path', async () => {
    await save('home', 1);
    symlinkSync('home', join(root, 'link'));
    expect(await whyForeign('link')).toBeNull();
  });

  it('may be restored on another disk at the same path of the same machine', async () => {
    await save('home', 1);
    cpSync(join(root, 'home'), join(root, 'backup'), { recursive: true });
    rmSync(join(root, 'home'), { recursive: true });
    renameSync(join(root, 'backup'), join(root, 'home'));
    expect(await whyForeign('home')).toBeNull();
  });

  it('may lose its anchor, or have another one', async () => {
    await save('home', 1);
    const anchor = join(root, 'home/credentials/tokenctl-anchor');
    rmSync(anchor);
    expect(await whyForeign('home')).toBeNull();
    for (const text of ['', '{}', 'null', '[]', '{"id":7}', '{"id":"x","inode":"1"}', '\0']) {
      writeFileSync(anchor, text);
      expect(await whyForeign('home')).toBeNull();
    }
    rmSync(anchor);
    mkdirSync(anchor);
    expect(await whyForeign('home')).toBeNull();
  });

  it('may be on a machine that has another name now', async () => {
    await save('home', 1);
    edit('home', (record) => record.replace(/"machine":"[0-9a-f]+"/, '"machine":"another"'));
    expect(await whyForeign('home')).toBeNull();
  });

  it('may hold what was written before anybody said where', async () => {
    await save('home', 1);
    edit('home', (record) => record.replace(/^"origin":.*$/m, '"origin":null,'));
    expect(await whyForeign('home')).toBeNull();
  });

  it('may have been refreshed by a sibling since the record was read', async () => {
    await save('home', 1);
    const readBefore = parsed('home');
    await save('home', 2);
    expect(await storeIn('home').whyForeign(readBefore)).toBeNull();
    await save('home', 3, 'work', { recordId: 'a new login' });
    expect(await storeIn('home').whyForeign(readBefore)).toBeNull();
  });

  it('may have a login renamed by hand', async () => {
    await save('home', 1);
    renameSync(recordPath('home'), recordPath('home', 'other'));
    expect(await whyForeign('home', 'other')).toBeNull();
  });
});

describe('a copy is recognised', () => {
  it('of a whole store, elsewhere on this machine', async () => {
    await save('home', 1);
    cpSync(join(root, 'home'), join(root, 'copy'), { recursive: true });
    expect(await whyForeign('copy')).toContain(`copied here from ${join(root, 'home')}`);
    expect(await whyForeign('home')).toBeNull();
  });

  it('of a whole store, on another machine', async () => {
    await save('home', 1);
    cpSync(join(root, 'home'), join(root, 'copy'), { recursive: true });
    rmSync(join(root, 'home'), { recursive: true });
    renameSync(join(root, 'copy'), join(root, 'home'));
    edit('home', (record) => record.replace(/"machine":"[0-9a-f]+"/, '"machine":"another"'));
    expect(await whyForeign('home')).toContain('copied here from another machine');
  });

  it('of one record in another store', async () => {
    await save('home', 1);
    await save('second', 1, 'own');
    cpSync(recordPath('home'), recordPath('second'));
    expect(await whyForeign('second')).toContain('copied here');
    expect(await whyForeign('second', 'own')).toBeNull();
  });

  it('of one record without its anchor', async () => {
    await save('home', 1);
    mkdirSync(join(root, 'bare/credentials'), { recursive: true, mode: 0o700 });
    cpSync(recordPath('home'), recordPath('bare'));
    expect(await whyForeign('bare')).toContain('copied here');
  });

  it('of a record under another name beside it', async () => {
    await save('home', 1);
    cpSync(recordPath('home'), recordPath('home', 'spare'));
    expect(await whyForeign('home', 'spare')).toContain('a copy of work.json beside it');
    expect(await whyForeign('home')).toBeNull();
  });

  it('from a backup that brings an older generation back to the same place', async () => {
    await save('home', 1);
    const backup = readFileSync(recordPath('home'));
    await save('home', 2);
    expect(await whyForeign('home')).toBeNull();
    writeFileSync(recordPath('home'), backup);
    expect(await whyForeign('home')).toMatch(/restored from a backup \(generation 1, and 2 /);
  });
});

describe('a change that is not about where it lives', () => {
  it('leaves a copy a copy', async () => {
    await save('home', 1);
    cpSync(join(root, 'home'), join(root, 'copy'), { recursive: true });
    await save('copy', 1, 'work', { rejected: true });
    expect(await whyForeign('copy')).toContain('copied here');
  });

  it('leaves a restored backup a restored backup', async () => {
    await save('home', 1);
    const backup = readFileSync(recordPath('home'));
    await save('home', 2);
    writeFileSync(recordPath('home'), backup);
    await save('home', 1, 'work', { rejected: true });
    expect(await whyForeign('home')).toContain('restored from a backup');
  });

  it('does not keep a new login from being at home', async () => {
    await save('home', 1);
    cpSync(join(root, 'home'), join(root, 'copy'), { recursive: true });
    await save('copy', 2, 'work', { recordId: 'a new login' });
    expect(await whyForeign('copy')).toBeNull();
  });
});

describe('a claim', () => {
  it('brings a copy home, for good, and the place it came from is told nothing', async () => {
    await save('home', 1);
    cpSync(join(root, 'home'), join(root, 'copy'), { recursive: true });
    expect((await claim('copy'))?.generation).toBe(1);
    expect(await whyForeign('copy')).toBeNull();
    await save('copy', 2);
    expect(await whyForeign('copy')).toBeNull();
    expect(await whyForeign('home')).toBeNull();
  });

  it('brings a restored backup home', async () => {
    await save('home', 1);
    const backup = readFileSync(recordPath('home'));
    await save('home', 2);
    writeFileSync(recordPath('home'), backup);
    expect((await claim('home'))?.generation).toBe(1);
    expect(await whyForeign('home')).toBeNull();
  });

  it('is nothing to a record that is at home', async () => {
    await save('home', 1);
    const before = readFileSync(recordPath('home'));
    expect(await claim('home')).toBeNull();
    expect(readFileSync(recordPath('home'))).toEqual(before);
  });
});

function storeIn(home: string, login = 'work') {
  return loginStore(login, { TOKENCTL_HOME: join(root, home) });
}

function recordPath(home: string, login = 'work'): string {
  return join(root, home, 'credentials', `${login}.json`);
}

function edit(home: string, change: (text: string) => string): void {
  writeFileSync(recordPath(home), change(readFileSync(recordPath(home), 'utf8')));
}

const claim = (home: string) => claimRecord(storeIn(home), 1_000);

function parsed(home: string, login = 'work'): Credential {
  const found = parseRecord(readFileSync(recordPath(home, login), 'utf8'));
  return found.kind === 'record' ? found.record : expect.fail(found.what);
}

const whyForeign = (home: string, login = 'work'): Promise<string | null> =>
  storeIn(home, login).whyForeign(parsed(home, login));

async function save(
  home: string,
  generation: number,
  login = 'work',
  members: Partial<Credential> = {},
): Promise<void> {
  const turn = await storeIn(home, login).tryLease(createJudge());
  const { lease } = turn.kind === 'held' ? turn : expect.fail('held');
  const previous = (await lease.read())?.record ?? null;
  const next = { ...(previous ?? credentialOf({ recordId: login })), generation, ...members };
  expect(await lease.reserve(previous)).toBe('done');
  expect(await lease.write(next, previous)).toBe('done');
  expect(await lease.commit()).toBe('done');
  await lease.release();
}
