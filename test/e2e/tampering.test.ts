import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newLeaseName } from '../../src/lock/lease-name.ts';
import { currentProcess } from '../../src/platform/process-identity.ts';
import { ANCHOR } from '../../src/store/origin.ts';
import { deadOwner } from '../support/lock-processes.ts';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';
import {
  IN_A_DEAD_LEASE,
  OF_THE_AUDIT,
  OF_THE_DIRECTORY,
  OF_THE_LOCK,
  OF_THE_RECORD,
  type Places,
  type Tampering,
} from '../support/tampering.ts';
import type { Result, RunOptions } from '../support/tokenctl.ts';

const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;
/** Far beyond what any command takes here: only one that waits for ever takes longer. */
const HANGS_MS = 60_000;

interface Stage extends SharedLogin {
  readonly places: Places;
  /** Like `run`, but whoever hangs is killed and told of. */
  readonly soon: (args: readonly string[], options?: RunOptions) => Promise<Result>;
}

/** A login whose access token has expired, so that a get must lock, refresh and save. */
const createStage = async (): Promise<Stage> => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const home = realpathSync(login.home);
  const directory = join(home, 'credentials');
  const record = join(directory, 'work.json');
  const lock = join(directory, 'work.lock');
  return {
    ...login,
    places: { home, directory, record, lock, audit: join(home, 'audit.jsonl') },
    soon: async (args, options) => {
      const { child, result } = login.start(args, options);
      const timer = setTimeout(() => child.kill('SIGKILL'), HANGS_MS);
      const ended = await result;
      clearTimeout(timer);
      expect([args, ended.signal]).toEqual([args, null]);
      return ended;
    },
  };
};

describe.each([
  ['credential file', OF_THE_RECORD],
  ['directory', OF_THE_DIRECTORY],
  ['lock', OF_THE_LOCK],
])('a %s that', (_place, tamperings) => {
  test.for(tamperings.map((tampering) => [tampering.what, tampering] as const))(
    '%s: exit 6 at once, nothing sent, and all is well when it is mended',
    async ([, tampering], context) => {
      need(context, isRoot || tampering.root === undefined, 'root');
      const stage = await createStage();
      const backup = `${stage.places.home}.backup`;
      execFileSync('cp', ['-a', stage.places.home, backup]);
      tampering.tamper(stage.places);
      await expectRefused(stage, tampering, ['invalidate', 'work']);
      const mend = await expectRefused(stage, tampering, ['get', 'work']);
      execFileSync('sh', ['-c', mend], { stdio: 'ignore' });
      restore(stage.places, backup);
      expect(await stage.soon(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
      expect(stage.server).toMatchObject({ tokenRequests: 1, reuseDetections: 0 });
    },
  );
});

test.for(OF_THE_RECORD.map((tampering) => [tampering.what, tampering] as const))(
  'a credential file that %s hides no other login, and can be removed or taken over anew',
  async ([, tampering], context) => {
    need(context, isRoot || tampering.root === undefined, 'root');
    const stage = await createStage();
    await stage.importGrant('other', 3600);
    tampering.tamper(stage.places);
    const status = await stage.soon(['status']);
    expect(status).toMatchObject({ code: 0, stdout: expect.stringMatching(/^work .*unreadable/m) });
    expect(status.stdout).toMatch(/^other .*fresh/m);
    expect((await stage.soon(['get', 'other'])).code).toBe(0);
    const { code } = await stage.soon(['remove', 'work', '--yes']);
    if (code !== 0) {
      moveAway(stage.places, code);
    }
    expect(existsSync(stage.places.record)).toBe(false);
    await stage.importGrant('work', 3600);
    expect((await stage.soon(['get', 'work'])).code).toBe(0);
  },
);

describe('nothing is lost by', () => {
  test('a last line feed that an editor took away', async () => {
    const { places, soon } = await createStage();
    truncateSync(places.record, readFileSync(places.record).length - 1);
    expect(await soon(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('a hard link from another place, which keeps what it has', async () => {
    const { places, soon } = await createStage();
    const other = join(places.home, 'other');
    linkSync(places.record, other);
    const before = readFileSync(other, 'utf8');
    expect(await soon(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(other, 'utf8')).toBe(before);
    expect(lstatSync(places.record).nlink).toBe(1);
  });

  test('a group that may write: it may no longer', async () => {
    const { places, soon } = await createStage();
    chmodSync(places.directory, 0o770);
    chmodSync(places.record, 0o660);
    const { code, stderr } = await soon(['get', 'work']);
    expect(code).toBe(0);
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
    expect(await soon(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
    expect(lstatSync(places.directory).mode & 0o777).toBe(0o700);
    expect(lstatSync(places.record).mode & 0o777).toBe(0o600);
  });

  test('a damaged record, if a dead process had its successor ready', async () => {
    const { places, soon, server } = await createStage();
    const lease = join(places.lock, newLeaseName(deadOwner()));
    mkdirSync(lease, { recursive: true });
    copyFileSync(places.record, join(lease, 'next.json'));
    truncateSync(places.record, 100);
    expect(await soon(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
    expect(server).toMatchObject({ tokenRequests: 1, reuseDetections: 0 });
    expect(readdirSync(places.directory).sort()).toEqual([ANCHOR, 'work.herd', 'work.json']);
  });

  test.each(Object.entries(IN_A_DEAD_LEASE))('a dead lease that holds %s', async (_what, fill) => {
    const { places, soon, server } = await createStage();
    const lease = join(places.lock, newLeaseName(deadOwner()));
    mkdirSync(lease, { recursive: true });
    fill(lease, places);
    const audit = readFileSync(places.audit, 'utf8');
    expect(await soon(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
    expect(server).toMatchObject({ tokenRequests: 1, reuseDetections: 0 });
    expect(readdirSync(places.directory).sort()).toEqual([ANCHOR, 'work.herd', 'work.json']);
    expect(readFileSync(places.audit, 'utf8')).toContain(audit);
  });

  test.each(Object.entries(OF_THE_AUDIT))('an audit that is %s', async (_what, make) => {
    const login = await createStage();
    const { places, soon, server } = login;
    rmSync(places.audit);
    make(places.audit);
    const { code, stdout, stderr } = await soon(['get', 'work']);
    expect([code, stdout.length]).toEqual([0, 41]);
    expect(stderr).toMatch(/^tokenctl: work: warning: the audit \S+ is not written \(\w+\): mv /);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    const [, mend = ''] = /: (mv '.*)$/m.exec(stderr) ?? [];
    expect(mend.split("'")[1]).toBe(join(login.home, 'audit.jsonl'));
    execFileSync('sh', ['-c', mend]);
    expect(await soon(['get', 'work', '--force'])).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(places.audit, 'utf8').trimEnd().split('\n')).toHaveLength(1);
    expect(server.reuseDetections).toBe(0);
  });
});

test('a lease in the name of a living process is waited for, no longer than asked, and named', async () => {
  const { places, soon, server } = await createStage();
  mkdirSync(join(places.lock, newLeaseName(currentProcess())), { recursive: true });
  const { code, stderr } = await soon(['get', 'work', '--timeout', '500ms']);
  expect(code).toBe(5);
  expect(stderr).toContain(`timed out waiting for process ${process.pid}`);
  expect(server.tokenRequests).toBe(0);
});

describe('among several users', () => {
  const NODE = process.env.TOKENCTL_TEST_NODE ?? process.execPath;
  const BIN = resolve(import.meta.dirname, '../../bin/tokenctl.js');
  const AS_NOBODY = ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups', NODE, BIN];
  const canBeNobody = () =>
    isRoot && spawnSync('setpriv', [...AS_NOBODY, '--version']).status === 0;
  const asNobody = (home: string, args: readonly string[]) =>
    execa('setpriv', [...AS_NOBODY, ...args], {
      env: { TOKENCTL_HOME: home, HOME: '/nonexistent' },
      reject: false,
      stdin: 'ignore',
      timeout: HANGS_MS,
    });
  /** The home of the stage, where nobody can get to it. */
  const openTo = ({ places }: Stage, mode: number): void => {
    chmodSync(join(places.home, '..'), 0o755);
    chmodSync(places.home, mode);
    chmodSync(places.directory, mode);
  };
  const give = (uid: number, ...paths: string[]): void => {
    for (const path of paths) {
      chownSync(path, uid, uid);
    }
  };

  test("another user's home is closed", async (context) => {
    need(context, canBeNobody(), 'root, setpriv(1) and a checkout that everybody can read');
    const stage = await createStage();
    openTo(stage, 0o700);
    for (const args of [['get', 'work'], ['status', 'work'], ['status'], ['invalidate', 'work']]) {
      const { exitCode, stderr, stdout } = await asNobody(stage.home, args);
      expect([args, exitCode, stdout]).toEqual([args, 6, '']);
      expect(stderr).toMatch(/^tokenctl: .*EACCES.*$/);
    }
    expect(stage.server.tokenRequests).toBe(0);
  });

  test("another user's credential is not used, even where it can be read", async (context) => {
    need(context, canBeNobody(), 'root, setpriv(1) and a checkout that everybody can read');
    const stage = await createStage();
    openTo(stage, 0o755);
    chmodSync(stage.places.record, 0o644);
    const { exitCode, stderr, stdout } = await asNobody(stage.home, ['get', 'work']);
    expect([exitCode, stdout]).toEqual([6, '']);
    expect(stderr).toMatch(/belongs to another user \(uid 0\) \(run tokenctl as that user/);
    expect(stage.server.tokenRequests).toBe(0);
  });

  test('a directory that may not be written to is found out before anything is sent', async (context) => {
    need(context, canBeNobody(), 'root, setpriv(1) and a checkout that everybody can read');
    const stage = await createStage();
    openTo(stage, 0o755);
    give(
      NOBODY,
      stage.places.home,
      stage.places.directory,
      stage.places.record,
      stage.places.audit,
    );
    chmodSync(stage.places.directory, 0o500);
    const refused = await asNobody(stage.home, ['get', 'work']);
    expect([refused.exitCode, refused.stdout]).toEqual([6, '']);
    expect(refused.stderr).toMatch(
      /cannot lock the credential \(EACCES\); nothing was sent .*ls -ld/,
    );
    expect(stage.server.tokenRequests).toBe(0);
    chmodSync(stage.places.directory, 0o700);
    const mended = await asNobody(stage.home, ['get', 'work']);
    expect([mended.exitCode, mended.stderr]).toEqual([0, '']);
  });

  test('who shares a sticky directory can neither lure nor rob', async (context) => {
    need(context, canBeNobody(), 'root, setpriv(1) and a checkout that everybody can read');
    const stage = await createStage();
    openTo(stage, 0o755);
    give(NOBODY, stage.places.record, stage.places.audit);
    chmodSync(stage.places.directory, 0o1777);
    const precious = mkdtempSync(join(tmpdir(), 'tokenctl-precious-'));
    onTestFinished(() => rmSync(precious, { recursive: true, force: true }));
    writeFileSync(join(precious, 'file'), 'x');
    give(NOBODY, precious, join(precious, 'file'));
    // Root stands for the other user here: these are not nobody's.
    for (const kind of ['dead', 'new']) {
      const name = `${stage.places.lock}.${newLeaseName(deadOwner())}.${kind}`;
      symlinkSync(precious, name);
      const theirs = `${stage.places.lock}.${newLeaseName(deadOwner())}.${kind}`;
      mkdirSync(theirs, { mode: 0o777 });
      writeFileSync(join(theirs, 'spent-1-1'), '');
      writeFileSync(join(theirs, 'spent-1-2'), '');
    }
    const { exitCode, stderr } = await asNobody(stage.home, ['get', 'work']);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(readdirSync(precious)).toEqual(['file']);
    mkdirSync(stage.places.lock, { mode: 0o777 });
    const locked = await asNobody(stage.home, ['get', 'work', '--force']);
    expect(locked.exitCode).toBe(6);
    expect(locked.stderr).toContain('it is not a directory of ours');
    expect(stage.server.tokenRequests).toBe(1);
  });

  test('what another user puts in the place of the directory is not used', async (context) => {
    need(context, canBeNobody(), 'root, setpriv(1) and a checkout that everybody can read');
    const stage = await createStage();
    // Whoever mounts a volume often gets one that anybody can write to; what is below is still ours.
    chmodSync(join(stage.places.home, '..'), 0o755);
    chmodSync(stage.places.home, 0o777);
    give(NOBODY, stage.places.directory, stage.places.record, stage.places.audit);
    expect((await asNobody(stage.home, ['get', 'work'])).exitCode).toBe(0);
    renameSync(stage.places.directory, `${stage.places.directory}.away`);
    mkdirSync(stage.places.directory, { mode: 0o755 });
    copyFileSync(`${stage.places.directory}.away/work.json`, stage.places.record);
    give(NOBODY, stage.places.record);
    give(12_345, stage.places.directory);
    const { exitCode, stderr } = await asNobody(stage.home, ['get', 'work', '--force']);
    expect(exitCode).toBe(6);
    expect(stderr).toMatch(/credentials belongs to another user \(uid 12345\)/);
    expect(stage.server.tokenRequests).toBe(1);
  });
});

/** Exit 6, in one line, with nothing sent and nothing changed. Gives the command that the line names. */
async function expectRefused(
  { soon, server, places }: Stage,
  { says }: Tampering,
  args: readonly string[],
): Promise<string> {
  const before = treeOf(places.home);
  const { code, stdout, stderr } = await soon(args);
  expect([args, code, stdout]).toEqual([args, 6, '']);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  const [, message = '', hint = ''] = /^tokenctl: work: (.*) \(([^(]*)\)\n$/.exec(stderr) ?? [];
  expect(message).toMatch(says);
  expect(hint).toMatch(/\b(mv|chmod|ls -ld|tokenctl)\b/);
  // It is carried out by this test: it must not touch what is none of ours.
  const elsewhere = [...hint.matchAll(/'([^']*)'/g)].filter(
    ([, path = '']) => !path.startsWith(`${places.home}/`),
  );
  expect(elsewhere).toEqual([]);
  expect(server.tokenRequests).toBe(0);
  expect(treeOf(places.home)).toEqual(before);
  return /^(mv|chmod) /.test(hint) ? hint.replace(/, and .*/, '') : 'true';
}

/** What a person does who has a backup: puts back what the command in the message did not mend. */
function restore({ directory, record }: Places, backup: string): void {
  const whole = lstatSync(directory);
  if (!whole.isDirectory() || whole.uid !== process.geteuid?.()) {
    rmSync(directory, { recursive: true, force: true });
    execFileSync('cp', ['-a', join(backup, 'credentials'), directory]);
  }
  rmSync(record, { recursive: true, force: true });
  execFileSync('cp', ['-a', join(backup, 'credentials/work.json'), record]);
}

/** A directory may hold anything, and a link that leads nowhere may lead somewhere tomorrow. */
function moveAway({ record }: Places, code: number | null): void {
  expect([code, lstatSync(record).isFile()]).toEqual([6, false]);
  renameSync(record, `${record}.away`);
}

function treeOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((entry) => {
      const { mode, size, uid } = lstatSync(join(directory, entry));
      return `${entry} ${mode} ${size} ${uid}`;
    })
    .sort();
}
