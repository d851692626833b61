import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';

export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds from spawn to exit. */
  readonly ms: number;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What is started, if not the command by Node.js. */
  readonly command?: readonly string[] | undefined;
}

const BIN = resolve(import.meta.dirname, '../../bin/tokenctl.js');
/** Another Node.js to run the command with, so that one suite covers every supported version. */
const NODE = process.env.TOKENCTL_TEST_NODE ?? process.execPath;
/** The command as a shell starts it. */
export const TOKENCTL: readonly string[] = [NODE, BIN];
/** The same by way of the launcher. */
export const LAUNCHED: readonly string[] = ['sh', BIN.replace(/\.js$/, '')];

/** A home of its own for one test, removed afterwards. */
export const createHome = () => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const home = join(directory, 'home');
  const start = (args: readonly string[], options: RunOptions = {}) =>
    startTokenctl(args, { ...options, env: { TOKENCTL_HOME: home, ...options.env } });
  return {
    home,
    recordPath: (name: string) => join(home, 'credentials', `${name}.json`),
    auditPath: join(home, 'audit.jsonl'),
    start,
    run: (args: readonly string[], options?: RunOptions) => start(args, options).result,
    /** The same command, this many times at once. */
    runMany: (count: number, args: readonly string[], options: RunOptions = {}) =>
      runMany(count, args, directory, { ...options, env: { TOKENCTL_HOME: home, ...options.env } }),
  };
};

export type Home = ReturnType<typeof createHome>;

export const startTokenctl = (
  args: readonly string[],
  { input = '', env = {}, command = TOKENCTL }: RunOptions,
) => {
  const started = performance.now();
  const [file = NODE, ...before] = command;
  const child = execa(file, [...before, ...args], {
    env: childEnvironment(env),
    extendEnv: false,
    input,
    reject: false,
    stripFinalNewline: false,
    // On a busy machine a signal may take seconds to have its effect; another one would hide it.
    forceKillAfterDelay: false,
  });
  const result = child.then(
    ({ exitCode, signal, stdout, stderr }): Result => ({
      code: exitCode ?? null,
      signal: signal ?? null,
      stdout,
      stderr,
      ms: performance.now() - started,
    }),
  );
  return { child, result };
};

/**
 * A herd is started by a shell, as scripts do: it forks a hundred times in a fraction of a second,
 * which this process, busy with the server's side, could not.
 */
const HERD = `
i=0
while [ "$i" -lt "$COUNT" ]; do
  i=$((i + 1))
  { "$@" <"$OUT/in" >"$OUT/$i.out" 2>"$OUT/$i.err"; echo $? >"$OUT/$i.code"; } &
done
wait`;

const runMany = async (
  count: number,
  args: readonly string[],
  directory: string,
  { input = '', env = {} }: RunOptions,
): Promise<Result[]> => {
  const out = await mkdtemp(join(directory, 'herd-'));
  await writeFile(join(out, 'in'), input);
  const started = performance.now();
  await execa('sh', ['-c', HERD, 'sh', NODE, BIN, ...args], {
    env: childEnvironment({ ...env, OUT: out, COUNT: String(count) }),
    extendEnv: false,
    stdio: 'ignore',
  });
  const ms = performance.now() - started;
  const read = (index: number, what: string) => readFile(join(out, `${index + 1}.${what}`), 'utf8');
  return Promise.all(
    Array.from({ length: count }, async (_, index) => ({
      code: Number(await read(index, 'code')),
      signal: null,
      stdout: await read(index, 'out'),
      stderr: await read(index, 'err'),
      ms,
    })),
  );
};

const childEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  ...env,
});
