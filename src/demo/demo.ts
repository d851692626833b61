import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAuthorizationServer } from './authorization-server.ts';
import {
  ACCESS_TOKEN_LIFETIME_S,
  herd,
  killedHolder,
  naiveHerd,
  pause,
  type Row,
  type Stage,
} from './scenes.ts';
import { drawTimeline, LEGEND } from './timeline.ts';

export interface DemoOptions {
  readonly tokenctl: readonly string[];
  readonly naive: readonly string[];
  readonly print: (text: string) => Promise<void>;
  /** Shows what is going on while it goes on; nothing where nobody looks. */
  readonly progress: (text: string) => void;
  readonly color: boolean;
}

/** A real token endpoint takes about this long. */
const LATENCY_MS = 300;

/** Plays all scenes with real processes. Gives whether each came out as it must. */
export const runDemo = async ({
  print,
  progress,
  color,
  ...commands
}: DemoOptions): Promise<boolean> => {
  const directory = await mkdtemp(join(tmpdir(), 'tokenctl-demo-'));
  const server = await startAuthorizationServer({
    accessTokenLifetime: ACCESS_TOKEN_LIFETIME_S,
    latencyMs: LATENCY_MS,
  });
  try {
    const stage: Stage = { server, directory, ...commands };
    await print(
      `An authorization server on this machine: access tokens live ${ACCESS_TOKEN_LIFETIME_S} s, each refresh token\n` +
        `works once, and a second use revokes the login. Every process below is real.\n\n`,
    );
    const rows: Row[] = [];
    for (const scene of [pause, herd, naiveHerd, killedHolder]) {
      progress(`scene ${rows.length + 1} …`);
      const played = [await scene(stage)].flat();
      progress('');
      rows.push(...played);
      for (const row of played) {
        await print(`${drawRow(row, color)}\n`);
      }
    }
    await print(`\n${LEGEND}\n\n${rows.flatMap((row) => drawLanes(row, color)).join('\n')}\n`);
    const ok = rows.every((row) => row.ok);
    await print(
      ok
        ? 'Each came out as it must.\n'
        : 'Something did not come out as it must. Is this machine very slow?\n',
    );
    return ok;
  } finally {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  }
};

const NAME_WIDTH = 58;

const drawRow = ({ name, what, result, ok }: Row, color: boolean): string =>
  `(${name}) ${what.padEnd(NAME_WIDTH)} ${result}${ok ? '' : `  ${paint('NOT as it must be', 31, color)}`}`;

const drawLanes = ({ name, what, lanes }: Row, color: boolean): string[] =>
  lanes.length === 0
    ? []
    : [
        paint(`(${name}) ${what}`, 1, color),
        ...drawTimeline(lanes).map((line) => `    ${colorLane(line, color)}`),
        '',
      ];

const colorLane = (line: string, color: boolean): string =>
  line
    .replace(/█+/g, (bar) => paint(bar, 33, color))
    .replace(/✓ served/, (end) => paint(end, 32, color))
    .replace(/[✗☠] \w+/, (end) => paint(end, 31, color));

const paint = (text: string, code: number, color: boolean): string =>
  color ? `\u001b[${code}m${text}\u001b[0m` : text;
