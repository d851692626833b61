import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { createInterface } from 'node:readline';

export interface Command {
  readonly argv: readonly string[];
  /** All of it: nothing else is inherited but `PATH`. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** A file. */
  readonly stdin?: string | undefined;
}

export interface Loop {
  /** Runs the command this many times. Gives the milliseconds it took, and how many runs failed. */
  run(times: number): Promise<{ wallMs: number; failures: number }>;
  /** What the shell and all it has waited for have used so far; null where there is no /proc. */
  cpuMs(): number | null;
  end(): Promise<void>;
}

/**
 * Starts a command again and again as scripts do: from a small shell. This process is large, and
 * would take longer to fork than some of the commands take to run. The shell stays, so that its own
 * start is in no figure.
 */
export const openLoop = (command: Command): Loop =>
  open(command, `${quoted(command)} || failures=$((failures + 1))`, '');

/** The same, but all at once. What they print is appended to files. */
export const openBurst = (command: Command, out: string, err: string): Loop =>
  open(command, `${quoted(command)} >>${quote(out)} 2>>${quote(err)} &`, 'wait');

/** `npm run` puts a row of directories into PATH, and this Node.js need not be the first one in it. */
export const environment = ({ env }: { env?: NodeJS.ProcessEnv | undefined }) => ({
  PATH: [dirname(process.execPath), ...(process.env.PATH ?? '').split(delimiter)]
    .filter((directory) => !directory.includes('node_modules'))
    .join(delimiter),
  ...env,
});

const open = (command: Command, start: string, afterwards: string): Loop => {
  const script = `
exec 3>&1 >/dev/null 2>&1
while read -r times; do
  failures=0
  while [ "$times" -gt 0 ]; do
    times=$((times - 1))
    ${start}
  done
  ${afterwards}
  echo "$failures" >&3
done`;
  const shell = spawn('/bin/sh', ['-c', script], {
    env: environment(command),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const answers = createInterface({ input: shell.stdout })[Symbol.asyncIterator]();
  return {
    run: async (times) => {
      const started = performance.now();
      shell.stdin.write(`${times}\n`);
      const answer = await answers.next();
      const wallMs = performance.now() - started;
      if (answer.done) {
        throw new Error(`the shell that runs ${command.argv.join(' ')} has ended`);
      }
      return { wallMs, failures: Number(answer.value) };
    },
    cpuMs: () => cpuMs(shell.pid ?? 0),
    end: async () => {
      const ended = once(shell, 'exit');
      shell.stdin.end();
      await ended;
    },
  };
};

const quoted = ({ argv, stdin = '/dev/null' }: Command): string =>
  `${argv.map(quote).join(' ')} <${quote(stdin)}`;

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Linux counts in nanoseconds and tells in hundredths of a second, so take differences over many runs. */
const MS_PER_TICK = 10;

/** proc(5): utime, stime, cutime and cstime are fields 14 to 17; the second may hold spaces. */
const cpuMs = (pid: number): number | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * MS_PER_TICK;
  } catch {
    return null;
  }
};
