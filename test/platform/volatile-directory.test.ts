import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { volatileDirectories } from '../../src/platform/volatile-directory.ts';

const SHM = '/dev/shm';
const TMPFS = 0x01021994;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tokenctl-volatile-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

test('a runtime directory counts if it is in memory, and then first', () => {
  const onDisk = volatileDirectories({ XDG_RUNTIME_DIR: directory });
  if (statfsSync(directory).type !== TMPFS) {
    expect(onDisk).not.toContain(directory);
  }
  if (existsSync(SHM) && statfsSync(SHM).type === TMPFS) {
    const runtime = mkdtempSync(join(SHM, 'tokenctl-volatile-'));
    try {
      expect(volatileDirectories({ XDG_RUNTIME_DIR: runtime })[0]).toBe(runtime);
      chmodSync(runtime, 0o777);
      expect(volatileDirectories({ XDG_RUNTIME_DIR: runtime })).not.toContain(runtime);
    } finally {
      rmSync(runtime, { recursive: true });
    }
    expect(onDisk).toContain(SHM);
  }
  expect(volatileDirectories({ XDG_RUNTIME_DIR: 'relative' })).not.toContain('relative');
});

test('the temporary directory comes last, unless others could move what is in it', () => {
  const temporary = join(directory, 'tmp');
  mkdirSync(temporary);
  vi.stubEnv('TMPDIR', temporary);
  expect(volatileDirectories({}).at(-1)).toBe(temporary);
  chmodSync(temporary, 0o1777);
  expect(volatileDirectories({}).at(-1)).toBe(temporary);
  if (process.platform !== 'win32') {
    chmodSync(temporary, 0o777);
    expect(volatileDirectories({})).not.toContain(temporary);
  }
  vi.stubEnv('TMPDIR', '.');
  expect(volatileDirectories({})).not.toContain('.');
  vi.stubEnv('TMPDIR', join(directory, 'none'));
  expect(volatileDirectories({})).not.toContain(join(directory, 'none'));
});
