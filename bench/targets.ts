import {
  BURST,
  CALL,
  EXPIRED,
  EXPIRED_TLS,
  HELPER,
  HELPER_BY_NODE,
  HELPER_LAUNCHED,
  HERD,
  LATENCY_MS,
  LIBRARY,
  USUAL,
  WARM,
} from './names.ts';
import { type Burst, type Results, rowOf, type Timing } from './results.ts';

/** What a figure should be. It is printed, and nothing fails: the machine may be busy. */
export interface Target {
  /** The row it is about. */
  readonly group: string;
  readonly name: string;
  readonly text: string;
  readonly met: boolean;
}

/** All that this run can tell. */
export const targetsOf = (results: Results): Target[] => [
  ...warmTargets(results),
  ...helperTargets(results),
  ...results.timings
    .filter(({ group, by }) => [EXPIRED, EXPIRED_TLS].includes(group) && by === 'tokenctl')
    .map((timing) => ratioAtMost(timing, 1.25)),
  ...results.bursts
    .filter(({ name }) => name === HERD)
    .flatMap((burst) => burstTargets(burst, results.bursts)),
  ...libraryTargets(results),
];

const MOST_TIMES_THE_SHELL: Readonly<Record<string, number>> = {
  [USUAL]: 1.25,
  'tokenctl get, 2 KB': 2.5,
  'tokenctl get, 4 KB': 3,
};
/** Less is noise. */
const SAME = 1.05;

const warmTargets = ({ timings }: Results): Target[] => {
  const warm = timings.filter(({ group }) => group === WARM);
  const usual = warm.find(({ name }) => name === USUAL);
  const among = warm.find(({ name }) => name.startsWith('tokenctl get, among'));
  const [fastest] = warm
    .filter(({ by }) => by === 'peer')
    .sort((a, b) => a.ratio.median - b.ratio.median);
  return [
    ...warm.flatMap((timing) => {
      const most = MOST_TIMES_THE_SHELL[timing.name];
      return most === undefined ? [] : [ratioAtMost(timing, most)];
    }),
    ...(usual && fastest ? [timesAtMost(usual, fastest, 1, `as fast as ${fastest.name}`)] : []),
    ...(among && usual ? [timesAtMost(among, usual, SAME, 'as with 1 login')] : []),
  ];
};

const helperTargets = ({ timings }: Results): Target[] => {
  const helper = timings.filter(({ group }) => group === HELPER);
  const byName = (name: string) => helper.find((timing) => timing.name === name);
  const [byNode, node, launched] = [HELPER_BY_NODE, 'node -e 0', HELPER_LAUNCHED].map(byName);
  const peers = helper.filter(({ by }) => by === 'peer');
  const more = byNode && node ? byNode.wallMs.median - node.wallMs.median : null;
  return [
    ...(byNode && more !== null
      ? [target(HELPER, byNode.name, `≤ node -e 0 + 10 ms (+ ${more.toFixed(1)})`, more <= 10)]
      : []),
    ...(launched
      ? peers.map((peer) => timesAtMost(launched, peer, 1, `as fast as ${peer.name}`))
      : []),
  ];
};

const ratioAtMost = ({ group, name, ratio, base }: Timing, most: number): Target =>
  target(group, name, `≤ ${most} × ${base}`, ratio.median <= most);

const timesAtMost = (one: Timing, other: Timing, most: number, what: string): Target => {
  // By way of the base, which was measured right beside each of them.
  const times = one.ratio.median / other.ratio.median;
  return target(one.group, one.name, `${what} (${times.toFixed(2)} × it)`, times <= most);
};

const burstTargets = (burst: Burst, bursts: readonly Burst[]): Target[] => {
  const { processes, cpuMs, nodeCpuMs, nodeWallMs, wallMs, requests } = burst;
  const about = (text: string, met: boolean) => target(BURST, rowOf(burst), text, met);
  const targets = [about('1 request', requests === 1)];
  if (processes === 100) {
    if (cpuMs !== null && nodeCpuMs !== null) {
      targets.push(about('CPU ≤ 7 × node -e 0', cpuMs <= 7 * nodeCpuMs));
    }
    const mostMs = LATENCY_MS + 5 * nodeWallMs;
    targets.push(about(`wall ≤ ${Math.round(mostMs)} ms`, wallMs.median <= mostMs));
  }
  const smaller = bursts.find(({ name, processes }) => name === burst.name && processes === 100);
  if (processes === 500 && smaller !== undefined) {
    const extra = costOfOneMore(burst, smaller);
    if (extra !== null) {
      const text = `each more ≤ 4 × sh -c : in CPU (${extra.toFixed(1)} ×)`;
      targets.push(about(text, extra <= 4));
    }
  }
  return targets;
};

/** The CPU time of each further process, in starts of a shell. */
const costOfOneMore = (large: Burst, small: Burst): number | null =>
  large.cpuMs === null || small.cpuMs === null || large.shellCpuMs === null
    ? null
    : (large.cpuMs - small.cpuMs) / (large.processes - small.processes) / large.shellCpuMs;

const libraryTargets = ({ library }: Results): Target[] =>
  library === null
    ? []
    : [
        target(LIBRARY, CALL, '≥ 1,000,000 a second', library.callsPerSecond.median >= 1e6),
        target(LIBRARY, CALL, 'noticed within 1 s', library.noticedMs <= 1000),
      ];

const target = (group: string, name: string, text: string, met: boolean): Target => ({
  ...{ group, name, text, met },
});
