import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AuditEvent, fileAudit } from '../../src/audit/audit.ts';
import { need } from '../support/need.ts';

const EVENT: AuditEvent = { event: 'import', login: 'work', generation: 1, token: null };
const isRoot = process.geteuid?.() === 0;
const posix = process.platform !== 'win32';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tokenctl-audit-'));
  path = join(directory, 'audit.jsonl');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const linesOf = (file: string): { event: string }[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('the audit', () => {
  it('is one JSON object per line in a file for its owner, made with its directory', async () => {
    path = join(directory, 'state/tokenctl/audit.jsonl');
    expect(await fileAudit(path)(EVENT)).toBeNull();
    expect(await fileAudit(path)({ ...EVENT, login: 'line\nbreak' })).toBeNull();
    expect(linesOf(path)).toEqual([
      { at: expect.any(String), pid: process.pid, ...EVENT },
      { at: expect.any(String), pid: process.pid, ...EVENT, login: 'line\nbreak' },
    ]);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
  });

  it('keeps the lines of many at once apart', async () => {
    const audit = fileAudit(path);
    await Promise.all(Array.from({ length: 200 }, () => audit(EVENT)));
    expect(linesOf(path)).toHaveLength(200);
  });

  it('takes no more disk than two files of 8 MiB', async () => {
    writeFileSync(`${path}.1`, 'older');
    writeFileSync(path, '');
    truncateSync(path, 8 * 1024 * 1024);
    await fileAudit(path)(EVENT);
    await fileAudit(path)(EVENT);
    expect(readdirSync(directory).sort()).toEqual(['audit.jsonl', 'audit.jsonl.1']);
    expect(linesOf(path)).toHaveLength(1);
  });
});

describe.skipIf(!posix)('what stands in its place', () => {
  const expectRefused = async (code: string): Promise<void> => {
    const fault = await fileAudit(path)(EVENT);
    expect(fault).toBe(`the audit ${path} is not written (${code}): mv '${path}' '${path}.away'`);
  };

  it('is a FIFO that nobody reads: it is not waited for', async () => {
    execFileSync('mkfifo', [path]);
    await expectRefused('ENXIO');
  });

  it('is a FIFO that somebody reads: nothing is told to them', async () => {
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await expectRefused('EINVAL');
    expect(readSync(reader, Buffer.alloc(10))).toBe(0);
  });

  it('is a directory', async () => {
    mkdirSync(path);
    await expectRefused('EISDIR');
  });

  it('is a link: what it leads to stays as it is', async () => {
    const precious = join(directory, 'precious');
    appendFileSync(precious, 'x');
    symlinkSync(precious, path);
    await expectRefused('ELOOP');
    expect(readFileSync(precious, 'utf8')).toBe('x');
  });

  it('is a device', async (context) => {
    need(context, isRoot && spawnSync('mknod', [path, 'c', '1', '3']).status === 0, 'mknod(1)');
    await expectRefused('EINVAL');
  });

  it("is another user's file", async (context) => {
    need(context, isRoot, 'root');
    writeFileSync(path, 'theirs\n');
    chownSync(path, 12_345, 12_345);
    await expectRefused('EINVAL');
    expect(readFileSync(path, 'utf8')).toBe('theirs\n');
  });
});

it('that cannot be written for another reason says so too', async () => {
  writeFileSync(path, '');
  const below = join(path, 'audit.jsonl');
  expect(await fileAudit(below)(EVENT)).toBe(
    `the audit ${below} is not written (ENOTDIR): make it writable`,
  );
});
