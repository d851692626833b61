import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuthorizationServer } from './authorization-server.ts';
import { type Finished, laneOf, type Running, start } from './processes.ts';
import type { Lane } from './timeline.ts';

/** Everything a scene plays with. */
export interface Stage {
  readonly server: AuthorizationServer;
  /** Directory of this demo; removed afterwards. */
  readonly directory: string;
  /** How to run tokenctl: the program and its first arguments. */
  readonly tokenctl: readonly string[];
  /** How to run the naive client. */
  readonly naive: readonly string[];
}

export interface Row {
  readonly name: string;
  readonly what: string;
  readonly result: string;
  /** It came out as it must. */
  readonly ok: boolean;
  readonly lanes: readonly Lane[];
}

export const ACCESS_TOKEN_LIFETIME_S = 2;
const HERD = 8;
/** Past the expiry of a token issued just now. */
const PAUSE_MS = ACCESS_TOKEN_LIFETIME_S * 1000 + 200;

/** (A) a token held across a pause, (B) tokenctl asked before and after it. */
export const pause = async (stage: Stage): Promise<Row[]> => {
  await takeOver(stage);
  const held = await ask(stage);
  const before = await tryResource(stage, held.stdout);
  await sleep(PAUSE_MS);
  const heldLater = await tryResource(stage, held.stdout);
  const asked = await ask(stage);
  const after = await tryResource(stage, asked.stdout);
  return [
    {
      name: 'A',
      what: 'a token in a variable, used again after a pause',
      result: `HTTP ${heldLater}`,
      ok: heldLater === 401,
      lanes: [],
    },
    {
      name: 'B',
      what: '$(tokenctl get demo) before and after the pause',
      result: `HTTP ${before}, ${after}`,
      ok: before === 200 && after === 200,
      lanes: [],
    },
  ];
};

/** (C) many at once on an expired token: one of them refreshes. */
export const herd = async (stage: Stage): Promise<Row> => {
  await takeOver(stage, 0);
  stage.server.clearLog();
  const ended = await Promise.all(crowd(stage).map(({ finished }) => tried(stage, finished)));
  const { tokenRequests } = stage.server;
  const served = ended.filter(({ status }) => status === 200).length;
  return {
    name: 'C',
    what: `tokenctl, ${HERD} processes at once, token expired`,
    result: `${count(tokenRequests, 'refresh', 'refreshes')}, ${served}/${HERD} OK`,
    ok: tokenRequests === 1 && served === HERD,
    lanes: await lanesOf(stage, ended),
  };
};

/** (D) the same without tokenctl: read, refresh, write. */
export const naiveHerd = async (stage: Stage): Promise<Row> => {
  const { server, directory, naive } = stage;
  const file = join(directory, 'naive.json');
  const connection = { token_endpoint: server.tokenEndpoint, client_id: server.clientId };
  await writeFile(file, JSON.stringify({ ...server.grant({ lifetime: 0 }), ...connection }));
  server.clearLog();
  let ready = 0;
  const running: Running[] = Array.from({ length: HERD }, () =>
    start(
      [...naive, file],
      {},
      {
        onLine: (line) => {
          ready += line === 'ready' ? 1 : 0;
          if (line === 'ready' && ready === HERD) {
            for (const { child } of running) {
              child.stdin?.end('go\n');
            }
          }
        },
      },
    ),
  );
  const ended = await Promise.all(running.map(({ finished }) => finished));
  const answers = ended.map((process) => ({ process, ...naiveAnswer(process) }));
  const refused = answers.filter(({ error }) => error === 'invalid_grant').length;
  const winner = answers.find(({ token }) => token !== null)?.token ?? '';
  const revoked = server.familiesRevoked === 1 && (await tryResource(stage, winner)) === 401;
  return {
    name: 'D',
    what: `read, refresh, write; ${HERD} processes at once`,
    result: `${refused}/${HERD} invalid_grant${revoked ? ', login revoked for all' : ''}`,
    ok: refused === HERD - 1 && revoked,
    // The one that got tokens lost them too: reuse revokes the whole family.
    lanes: answers.map(({ process, sentAt, answeredAt, error }) =>
      laneOf(process, error === null ? 'revoked' : 'failed', { from: sentAt, to: answeredAt }),
    ),
  };
};

/** (E) the one that refreshes is killed while its request is on the way. */
export const killedHolder = async (stage: Stage): Promise<Row> => {
  const { server } = stage;
  await takeOver(stage, 0);
  server.clearLog();
  // The first request is never processed: its sender dies, and its connection with it.
  server.setFault({ kind: 'reset', after: 'before-rotation', times: 1 });
  const holder = start([...stage.tokenctl, 'get', 'demo'], environment(stage));
  let waiters: Running[] = [];
  const subscription = server.onTokenRequest(async () => {
    subscription();
    waiters = crowd(stage);
    await sleep(700);
    holder.child.kill('SIGKILL');
  });
  const killed = await holder.finished;
  const killedAt = killed.endedAt;
  const ended = await Promise.all(waiters.map(({ finished }) => tried(stage, finished)));
  const served = ended.filter(({ status }) => status === 200).length;
  const [first] = server.requests;
  return {
    name: 'E',
    what: `tokenctl, the refreshing process killed (SIGKILL), ${HERD} waiting`,
    result: `${served}/${HERD} OK`,
    ok: served === HERD && server.tokenRequests === 2 && server.reuseDetections === 0,
    lanes: [
      laneOf(killed, 'killed', { from: first?.at ?? killedAt, to: killedAt }),
      ...(await lanesOf(stage, ended)),
    ],
  };
};

const environment = ({ directory }: Stage): NodeJS.ProcessEnv => ({
  TOKENCTL_HOME: join(directory, 'home'),
});

/** Signs in, so to speak: a new grant, taken over by `tokenctl import`. */
const takeOver = async (stage: Stage, lifetime = ACCESS_TOKEN_LIFETIME_S): Promise<void> => {
  const { server, directory, tokenctl } = stage;
  await mkdir(directory, { recursive: true });
  const tokens = {
    ...server.grant({ lifetime }),
    token_endpoint: server.tokenEndpoint,
    client_id: server.clientId,
  };
  const { code, stderr } = await start([...tokenctl, 'import', 'demo'], environment(stage), {
    input: JSON.stringify(tokens),
  }).finished;
  if (code !== 0) {
    throw new Error(`tokenctl import failed: ${stderr}`);
  }
};

const ask = (stage: Stage): Promise<Finished> =>
  start([...stage.tokenctl, 'get', 'demo'], environment(stage)).finished;

const crowd = (stage: Stage): Running[] =>
  Array.from({ length: HERD }, () => start([...stage.tokenctl, 'get', 'demo'], environment(stage)));

interface Tried extends Finished {
  readonly status: number;
}

const tried = async (stage: Stage, finished: Promise<Finished>): Promise<Tried> => {
  const ended = await finished;
  return { ...ended, status: await tryResource(stage, ended.stdout) };
};

/** The status the protected resource answers with. */
const tryResource = ({ server }: Stage, token: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const calling = request(server.resource, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    // Given as an option, NODE_DEBUG=http would print it.
    calling.setHeader('authorization', `Bearer ${token.trim()}`);
    calling.on('error', reject).end();
  });

/** The audit says which process was at the token endpoint, and when. */
const lanesOf = async ({ directory }: Stage, ended: readonly Tried[]): Promise<Lane[]> => {
  const audit = await readFile(join(directory, 'home', 'audit.jsonl'), 'utf8').catch(() => '');
  const attempts = audit
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'attempt');
  return ended.map((process) => {
    const attempt = attempts.find(({ pid }) => pid === process.pid);
    const to = Date.parse(attempt?.at ?? '');
    const refreshing = attempt === undefined ? null : { from: to - attempt.ms, to };
    return laneOf(process, process.status === 200 ? 'served' : 'failed', refreshing);
  });
};

const naiveAnswer = ({ stdout }: Finished) =>
  JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as {
    error: string | null;
    token: string | null;
    sentAt: number;
    answeredAt: number;
  };

const count = (number: number, one: string, many: string): string =>
  `${number} ${number === 1 ? one : many}`;
