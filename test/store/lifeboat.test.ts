import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Credential } from '../../src/credential.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { serialiseRecord } from '../../src/record-format.ts';
import { Secret } from '../../src/secret.ts';
import { loginStore } from '../../src/store/file.ts';
import { parentOf } from '../../src/store/held-file.ts';
import { fileLifeboats, type Lifeboats } from '../../src/store/lifeboat.ts';
import type { Store, StoreLease } from '../../src/store/store.ts';
import { credentialOf } from '../support/records.ts';

const RECORD = credentialOf({ recordId: 'lifeboat-test' });
const NEXT: Credential = {
  ...RECORD,
  generation: 2,
  accessToken: new Secret('access-2'),
  refreshToken: new Secret('refresh-2'),
};
const TEXT = serialiseRecord(NEXT, parentOf(RECORD));

let root: string;
let runtime: string;
let recordPath: string;
let store: Store;
let lifeboats: Lifeboats;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'tokenctl-lifeboat-test-'));
  runtime = join(root, 'runtime');
  mkdirSync(runtime, { mode: 0o700 });
  const env = { TOKENCTL_HOME: join(root, 'home'), XDG_RUNTIME_DIR: runtime };
  recordPath = join(root, 'home/credentials/work.json');
  store = loginStore('work', env);
  lifeboats = fileLifeboats(env);
  await underLease((lease) => save(lease, RECORD, null));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

describe('a lifeboat', () => {
  it('is a file of its owner alone in the runtime directory, found again by the record', async () => {
    const path = await launched(TEXT);
    expect(path.startsWith(join(runtime, 'tokenctl-lifeboat-'))).toBe(true);
    expect((statSync(path).mode & 0o777).toString(8)).toBe('600');
    expect(await lifeboats.find(recordPath)).toEqual([{ path, text: TEXT }]);
    expect(await lifeboats.find(join(root, 'other.json'))).toEqual([]);
  });

  it('goes to the temp directory where there is no runtime directory', async () => {
    rmSync(runtime, { recursive: true });
    const path = await launched(TEXT);
    expect(path.startsWith(runtime)).toBe(false);
    expect(await lifeboats.find(recordPath)).toEqual([{ path, text: TEXT }]);
    await lifeboats.sink(path);
    expect(existsSync(path)).toBe(false);
  });

  it('is taken for nothing if it could be somebody else’s: a link, open to others, linked twice', async () => {
    const path = await launched(TEXT);
    linkSync(path, join(root, 'second'));
    expect(await lifeboats.find(recordPath)).toEqual([]);
    rmSync(join(root, 'second'));
    chmodSync(path, 0o644);
    expect(await lifeboats.find(recordPath)).toEqual([]);
    rmSync(path);
    writeFileSync(join(root, 'elsewhere'), TEXT, { mode: 0o600 });
    symlinkSync(join(root, 'elsewhere'), path);
    expect(await lifeboats.find(recordPath)).toEqual([]);
  });

  it('becomes the record with the next lease, and is gone then', async () => {
    const path = await launched(TEXT);
    const inheritance = await underLease((lease) => lease.inherit(new Set()));
    expect(inheritance.adopted?.generation).toBe(2);
    expect((await store.read())?.record.accessToken?.reveal()).toBe('access-2');
    expect(existsSync(path)).toBe(false);
  });

  it('becomes it after the record was marked as well, and mends a damaged one', async () => {
    const path = await launched(TEXT);
    await underLease((lease) => save(lease, { ...RECORD, lifeboat: path }, RECORD));
    await underLease((lease) => lease.inherit(new Set()));
    expect((await store.read())?.record).toMatchObject({ generation: 2, lifeboat: null });
    await launched(serialiseRecord({ ...NEXT, generation: 3 }, parentOf(NEXT)));
    writeFileSync(recordPath, readFileSync(recordPath).subarray(0, 100));
    await underLease((lease) => lease.inherit(new Set()));
    expect((await store.read())?.record.generation).toBe(3);
  });

  it.each<[string, string]>([
    ['is torn', TEXT.slice(0, -20)],
    ['succeeds another refresh token', serialiseRecord(NEXT, 'another')],
    ['belongs to another grant', serialiseRecord({ ...NEXT, recordId: 'x' }, parentOf(RECORD))],
    ['skips a generation', serialiseRecord({ ...NEXT, generation: 3 }, parentOf(RECORD))],
  ])('stays where it is if it %s', async (_what, text) => {
    const path = await launched(text);
    const inheritance = await underLease((lease) => lease.inherit(new Set()));
    expect(inheritance.adopted).toBeNull();
    expect(existsSync(path)).toBe(true);
  });

  it('is removed once the record is past it', async () => {
    const path = await launched(serialiseRecord(RECORD, parentOf(null)));
    await underLease((lease) => lease.inherit(new Set()));
    expect(existsSync(path)).toBe(false);
  });

  it('is forgotten with its login', async () => {
    const path = await launched(TEXT);
    await underLease((lease) => lease.remove());
    expect(existsSync(path)).toBe(false);
  });

  it('has a name that says nothing of the login', async () => {
    expect(basename(await launched(TEXT))).toMatch(/^tokenctl-lifeboat-[0-9a-f]{16}-[0-9a-f]{16}$/);
  });
});

async function launched(text: string): Promise<string> {
  return (await lifeboats.launch(recordPath, text)) ?? expect.fail('no lifeboat');
}

async function save(lease: StoreLease, next: Credential, previous: Credential | null) {
  expect(await lease.reserve(previous)).toBe('done');
  expect(await lease.write(next, previous)).toBe('done');
  expect(await lease.commit()).toBe('done');
}

async function underLease<T>(action: (lease: StoreLease) => Promise<T>): Promise<T> {
  const turn = await store.tryLease(createJudge());
  if (turn.kind !== 'held') {
    return expect.fail(`held by ${turn.holder}`);
  }
  try {
    return await action(turn.lease);
  } finally {
    await turn.lease.release();
  }
}
