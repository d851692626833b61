import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { filesBelow, generationOf, isLive, storedRecord } from './expired-login.ts';
import type { SharedLogin } from './login.ts';
import type { Traced } from './strace.ts';
import { refresh } from './token-requests.ts';
import type { Home, Result } from './tokenctl.ts';

/** What became of a `get` in which something went wrong, and of the login. */
export interface Aftermath {
  readonly code: number | null;
  readonly stderr: string;
  /** Requests that reached the server while it ran. */
  readonly requests: number;
  readonly beforeSending: boolean;
  /** The new tokens were not in their place yet, and the next `get` had them all the same. */
  readonly adopted: boolean;
  /** They were nowhere. */
  readonly lost: boolean;
  /** What must not be. */
  readonly violations: readonly string[];
}

/** What may be, given where the fault was. */
export interface Allowance {
  /** Before the refresh token was sent, if it is to be sent at all. */
  readonly beforeSending: boolean;
  /** Where the answer comes in: if it is lost, no client can avoid that. */
  readonly answerLost: boolean;
  /** Where the output goes out: a token need not be seen. */
  readonly mute: boolean;
  readonly codes: readonly number[];
  /** How many requests there must have been when the next `get` is done. */
  readonly requests: readonly number[];
  /** The token that a dead process had saved. */
  readonly saved: string | null;
  /** Whether the next `get` must give what this one printed. */
  readonly settled: boolean;
}

/** Far beyond any time-out of a request, on a slow machine too: what takes longer hangs. */
export const HUNG_MS = 120_000;
/** How long after a passing failure the next `get` may still say "not now". */
const BACK_OFF_MS = 20_000;

/** Where a lifeboat goes; in the home only so that it is seen there. */
export const environmentOf = ({ home }: Home): NodeJS.ProcessEnv => {
  const runtime = join(home, 'runtime');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  return { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime };
};

/** Asks the store, the server and the next processes, now that nothing is wrong any more. */
export const examine = async (
  login: SharedLogin,
  { result, hung }: Traced,
  { beforeSending, answerLost, mute, codes, saved, settled, ...allowed }: Allowance,
): Promise<Aftermath> => {
  const { server } = login;
  const env = environmentOf(login);
  const violations: string[] = [];
  const demand = (isSo: boolean, what: string) => {
    if (!isSo) {
      violations.push(what);
    }
  };
  const { code, stderr } = result;
  const printed = result.stdout.trim();
  const { tokenRequests: requests, rotations } = server;
  const record = storedRecord(login);
  const inPlace = generationOf(record) === 2;

  demand(!hung, 'it hung');
  demand(code !== null && codes.includes(code), `exit code ${code ?? result.signal}`);
  demand(isClear(result), 'stderr is not clear');
  demand(mute || (printed !== '') === (code === 0 || code === 8), `"${printed}" with that code`);
  demand(printed === '' || (await isLive(login, printed)), 'the printed token is dead');
  demand(record.kind === 'record' && record.complete, 'the record is torn');
  demand(
    code !== 0 ||
      answerLost ||
      rotations === 0 ||
      inPlace ||
      /the next run puts it there/.test(stderr),
    'what is not in its place is not told of',
  );
  demand(
    code !== 8 || boatsOf(login).some((path) => stderr.includes(path)),
    'there is no lifeboat, or it is not told of',
  );
  demand(
    !beforeSending || requests === 0 || (code === 0 && inPlace),
    'something was sent that could not be saved',
  );

  const next = await nextGet(login, env, code === 5);
  const token = next.stdout.trim();
  const lost = answerLost && rotations > 0 && generationOf(storedRecord(login)) === 1;
  const aftermath = { code, stderr, requests, beforeSending, lost, violations };
  if (lost) {
    demand(server.tokenRequests <= 2, 'the refresh token went out three times');
    demand(next.code === 4 || (await isLive(login, token)), `then ${next.code}, with a dead token`);
    return { ...aftermath, adopted: false };
  }
  demand(next.code === 0 && next.stderr === '', `then ${next.code}: ${next.stderr.trim()}`);
  demand(await isLive(login, token), 'the next token is dead');
  demand(!settled || ['', token].includes(printed), 'the next token is another one');
  demand(saved === null || saved === token, 'the saved token is not the next one');
  demand(
    allowed.requests.includes(server.tokenRequests),
    `${requests} requests, then ${server.tokenRequests - requests}`,
  );
  demand(server.reuseDetections === 0, 'a refresh token was used twice');
  if (straysOf(login).length === 0) {
    demand(await isRenewable(login), 'the stored refresh token is dead');
    return { ...aftermath, adopted: rotations > 0 && !inPlace };
  }
  const forced = await login.run(['get', 'work', '--force'], { env });
  demand(forced.code === 0 && forced.stderr === '', `by force ${forced.code}: ${forced.stderr}`);
  demand(server.reuseDetections === 0, 'a refresh token was used twice in the end');
  for (const stray of straysOf(login)) {
    demand(false, `${stray} is left behind`);
  }
  return { ...aftermath, adopted: rotations > 0 && !inPlace };
};

/** Those that are nobody else's to read. */
const boatsOf = (login: SharedLogin): string[] => {
  const { TMPDIR = '' } = environmentOf(login);
  return readdirSync(TMPDIR)
    .map((name) => join(TMPDIR, name))
    .filter((path) => (statSync(path).mode & 0o777) === 0o600);
};

const nextGet = async (
  login: SharedLogin,
  env: NodeJS.ProcessEnv,
  mayWait: boolean,
): Promise<Result> => {
  const end = performance.now() + (mayWait ? BACK_OFF_MS : 0);
  for (;;) {
    const next = await login.run(['get', 'work'], { env });
    if (next.code !== 5 || performance.now() > end) {
      return next;
    }
    await sleep(250);
  }
};

/** Nothing when all is well, warnings when it nearly is, else one line about what is wrong; each names the login. */
const isClear = ({ code, stderr }: Result): boolean => {
  const lines = stderr.split('\n').slice(0, -1);
  const faults = lines.filter((line) => !line.startsWith('tokenctl: work: warning: '));
  return (
    stderr === lines.map((line) => `${line}\n`).join('') &&
    faults.length === (code === 0 || code === 141 ? 0 : 1) &&
    lines.every((line) => /^tokenctl: work: \S/.test(line) && line.length < 700) &&
    !/internal error|unknown error|undefined|\[object/i.test(stderr)
  );
};

/** Spends it: nothing comes after this. */
const isRenewable = async (login: SharedLogin): Promise<boolean> => {
  const stored = storedRecord(login);
  const token = stored.kind === 'record' ? stored.record.refreshToken?.reveal() : undefined;
  return token !== undefined && (await refresh(login.server, token)).status === 200;
};

const LASTING =
  /^(credentials\/work\.(json|herd)|credentials\/tokenctl-anchor|audit\.jsonl|seen\/[0-9a-f]{32})$/;

const straysOf = ({ home }: SharedLogin): string[] => {
  const files = filesBelow(home).map(({ path }) => path);
  const directories = readdirSync(join(home, 'credentials'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  return [...files.filter((path) => !LASTING.test(path)), ...directories];
};
