import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../../src/demo/authorization-server.ts';
import { importTokens } from '../../src/import-tokens.ts';
import type { Place } from '../../src/kept.ts';
import { loginStore } from '../../src/store/file.ts';
import { filesBelow } from '../support/expired-login.ts';
import { keychainIn, slotsIn } from '../support/keychain-in-files.ts';
import { rounds } from '../support/login.ts';

/** Whoever dies at whichever step, the login works afterwards, and is in one place only. */

const PASSPHRASE = { TOKENCTL_KEY_COMMAND: 'echo of-the-test' };

/** Hundreds of processes, one after the other. */
vi.setConfig({ testTimeout: 400_000 });

let root: string;
let worker: string;
let server: AuthorizationServer;
let home: string;
let keychain: string;
let count = 0;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'tokenctl-apart-'));
  worker = join(root, 'worker.mjs');
  server = await startAuthorizationServer();
  await build({
    entryPoints: [resolve(import.meta.dirname, '../support/apart-mortal.ts')],
    outfile: worker,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: {
      js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);",
    },
  });
});

afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

const tokens = () => ({
  ...server.grant({ lifetime: 3_600 }),
  token_endpoint: server.tokenEndpoint,
  client_id: server.clientId,
});

/** A login in this place, in a home and with a keychain of its own. */
const start = async (place: Place): Promise<void> => {
  count += 1;
  home = join(root, `home-${count}`);
  keychain = join(root, `keychain-${count}`);
  const env = { ...PASSPHRASE, PATH: process.env.PATH, TOKENCTL_HOME: home };
  await importTokens(loginStore('work', env, keychainIn(keychain)), tokens(), 5_000, { place });
  server.clearLog();
};

interface Told {
  readonly steps: readonly string[];
  readonly code?: string;
  readonly error?: string;
}

/** null: it died. */
const perform = async (what: string, place: string, deathAt = 0): Promise<Told | null> => {
  const { stdout, signal, stderr } = await execa(
    process.execPath,
    [worker, what, place, keychain, String(deathAt)],
    {
      env: { ...PASSPHRASE, PATH: process.env.PATH, TOKENCTL_HOME: home },
      extendEnv: false,
      input: what === 'import' ? JSON.stringify(tokens()) : '',
      reject: false,
    },
  );
  if (signal === 'SIGKILL') {
    return null;
  }
  expect(stderr).toBe('');
  return JSON.parse(stdout);
};

/** Each step in CI; in daily work as many as show a slip. */
const deaths = (steps: readonly string[], stride = rounds(4, 1)): number[] =>
  steps.map((_, index) => index + 1).filter((nth) => nth % stride === 0);

const secretsIn = (texts: readonly string[]): string[] =>
  refreshTokens().filter((token) => texts.some((text) => text.includes(token)));

/** Access tokens are where they belong. */
const refreshTokens = (): string[] => {
  const { access_token } = JSON.parse(
    filesBelow(home).find(({ path }) => path === 'credentials/work.json')?.text ?? '{}',
  );
  return server.everyIssuedSecret().filter((secret) => secret !== access_token);
};

const expectOnlyIn = (place: Place): void => {
  const here = secretsIn(filesBelow(home).map(({ text }) => text));
  expect(here).toHaveLength(place === 'file' ? 1 : 0);
  expect(slotsIn(keychain)).toHaveLength(place === 'keychain' ? 1 : 0);
};

/** Twice: the second one shows that what the first has saved is good. */
const expectWorking = async (): Promise<void> => {
  for (const _ of [1, 2]) {
    const told = await perform('get', '');
    expect(told).not.toHaveProperty('error');
  }
};

describe('a process that dies while it moves a login', () => {
  const moves: [Place, Place][] = [
    ['file', 'keychain'],
    ['keychain', 'file'],
    ['keychain', 'encrypted'],
    ['encrypted', 'keychain'],
  ];

  it.each(moves)(
    'from %s to %s leaves it working, and the next move leaves no copy',
    async (from, to) => {
      await start(from);
      const whole = await perform('move', to);
      expect(whole).not.toHaveProperty('error');
      expectOnlyIn(to);
      const steps = whole?.steps ?? [];
      expect(steps.length).toBeGreaterThan(10);
      for (const deathAt of deaths(steps)) {
        await start(from);
        expect(await perform('move', to, deathAt)).toBeNull();
        await expectWorking();
        expect(await perform('move', to)).not.toHaveProperty('error');
        expectOnlyIn(to);
        await expectWorking();
        expectOnlyIn(to);
      }
    },
  );
});

describe('a process that dies while it takes a login over into the keychain', () => {
  it.each(['keychain', 'file'] as const)(
    'leaves the one before in %s working, or the new one',
    async (from) => {
      await start(from);
      const steps = (await perform('import', 'keychain'))?.steps ?? [];
      expectOnlyIn('keychain');
      for (const deathAt of deaths(steps)) {
        await start(from);
        expect(await perform('import', 'keychain', deathAt)).toBeNull();
        await expectWorking();
        expect(await perform('import', 'keychain')).not.toHaveProperty('error');
        expectOnlyIn('keychain');
      }
    },
  );
});

describe('a process that dies while it refreshes a login in the keychain', () => {
  it('loses nothing, save between the sending and the end of the writing', async () => {
    await start('keychain');
    const steps = (await perform('get', ''))?.steps ?? [];
    const sent = steps.indexOf('after gate');
    const kept = steps.indexOf('after write', sent);
    expect(steps.slice(sent, kept + 1)).toEqual([
      'after gate',
      'before write',
      'before write',
      'after write',
    ]);
    for (const deathAt of deaths(steps, 1)) {
      await start('keychain');
      expect(await perform('get', '', deathAt)).toBeNull();
      const lost = deathAt > sent + 1 && deathAt <= kept;
      const requests = server.tokenRequests;
      const next = await perform('get', '');
      expect([steps[deathAt - 1], next?.code]).toEqual([
        steps[deathAt - 1],
        lost ? 'login_required' : undefined,
      ]);
      expect(server.tokenRequests).toBe(requests + 1);
      if (!lost) {
        await expectWorking();
        expectOnlyIn('keychain');
      }
    }
  });
});
