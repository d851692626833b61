import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, uptime } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { expiredFromMs } from '../../src/fresh-line.ts';
import type { CompleteRecord } from '../../src/record-parser.ts';
import { storedRecord, takeOver } from '../support/expired-login.ts';
import { createSharedLogin } from '../support/login.ts';

const TOKENCTL = resolve(import.meta.dirname, '../../bin/tokenctl.js');

/** A `get` that inherits this file as the launcher's. */
const getWith = async (home: string, file: number, args: string[] = []) => {
  const child = spawn(process.execPath, [TOKENCTL, 'get', 'work', ...args], {
    env: { HOME: '/nonexistent', TOKENCTL_HOME: home, TOKENCTL_HERD: '9' },
    stdio: ['ignore', 'ignore', 'pipe', ...Array<'ignore'>(6).fill('ignore'), file],
  });
  const [stderr, [status]] = await Promise.all([
    text(child.stderr ?? expect.fail()),
    once(child, 'close'),
  ]);
  return { status, stderr };
};

/** The login's own, as the launcher opens it. */
const openHerd = (home: string, text: string) => {
  const path = join(home, 'credentials', 'work.herd');
  writeFileSync(path, text);
  const file = openSync(path, 'r+');
  onTestFinished(() => closeSync(file));
  return { path, file };
};

const createFile = (text: string) => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-herd-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'file');
  writeFileSync(path, text);
  utimesSync(path, 1000, 2000);
  const file = openSync(path, 'r+');
  onTestFinished(() => closeSync(file));
  return { path, file };
};

it('leaves the herd what all of it would hear, and the time of its file as it was', async () => {
  const login = await createSharedLogin();
  await takeOver(login);
  await login.server.close();
  const older = 'an older outcome that is longer than the new one\n'.repeat(9);
  const { path, file } = openHerd(login.home, older);
  const before = Math.floor(uptime() * 100);
  const { status, stderr } = await getWith(login.home, file);
  expect(status).toBe(5);
  const [, when, code, said] = /^(\d+) (\d) (.*)\n$/.exec(readFileSync(path, 'utf8')) ?? [];
  expect({ code, said: `${said}\n` }).toEqual({ code: '5', said: stderr });
  expect(Number(when)).toBeGreaterThanOrEqual(before - 100);
  // From when on one may wait, as the record's last change has set it.
  const { record } = storedRecord(login) as CompleteRecord;
  expect(statSync(path).mtimeMs).toBeCloseTo(expiredFromMs(record), 0);
});

it('leaves nothing that is of its own call only', async () => {
  const login = await createSharedLogin();
  await takeOver(login);
  const { path, file } = openHerd(login.home, '');
  expect((await getWith(login.home, file, ['--timeout', 'soon'])).status).toBe(2);
  expect((await getWith(login.home, file, ['--header', '--json'])).status).toBe(2);
  expect((await getWith(login.home, file)).status).toBe(0);
  expect(readFileSync(path, 'utf8')).toBe('');
});

it("writes nothing to a file that cannot be a herd's", async () => {
  const login = await createSharedLogin();
  await takeOver(login);
  await login.server.close();
  for (const text of ['x'.repeat(5000), 'a small file of somebody, to whom the variable strayed']) {
    const { path, file } = createFile(text);
    expect((await getWith(login.home, file)).status).toBe(5);
    expect(readFileSync(path, 'utf8')).toBe(text);
    expect(statSync(path).mtimeMs).toBe(2_000_000);
  }
});
