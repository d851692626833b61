import type { History, ProcessRun } from './storm-history.ts';
import type { Verdict } from './storm-verdict.ts';

/** What happened in a storm, and the verdict, for people. */
export const report = (history: History, { violations, losses }: Verdict): string => {
  const { processes, requests, audit, reads } = history;
  const sent = processes.flatMap(({ signals }) => signals.map(({ signal }) => signal));
  const killed = processes.filter(({ signal }) => signal === 'SIGKILL');
  const pastGate = killed.filter(({ autopsy }) => autopsy !== null && autopsy.gate !== null);
  const holding = killed.filter(({ autopsy }) => autopsy?.held);
  const events = (name: string) => audit.filter(({ event }) => event === name).length;
  const faults = requests.filter(({ fault }) => fault !== null).length;
  return [
    `processes: ${processes.length} in ${seconds(processes)} s, most at once ${mostAtOnce(processes)}`,
    `  commands: ${tally(processes.map(({ command }) => commandName(command)))}`,
    `  ends: ${tally(processes.map(({ code, signal }) => signal ?? `exit ${code}`))}`,
    `signals: ${tally(sent)}`,
    `  killed (SIGKILL): ${killed.length}, of these holding a lease ${holding.length}, past the gate ${pastGate.length}`,
    `token requests: ${requests.length}: ${tally(requests.map(({ outcome }) => outcome))}`,
    `  met by a fault: ${faults}; outages: ${history.outages.length}; re-sends: ${resends(history)}`,
    `leases taken over: ${events('takeover')}; next records adopted: ${events('adoption')}; imports: ${events('import')}; removals: ${events('remove')}`,
    `records read: ${reads.count}, torn ${reads.torn.length}`,
    `logins lost, explained: ${losses.length}${losses.length > 0 ? ` (${tally(losses.map(({ excuse }) => EXCUSES[excuse]))})` : ''}; revoked at the provider: ${history.revocations.length}`,
    `violations: ${violations.length}`,
  ].join('\n');
};

const EXCUSES = {
  killed: 'sender killed between rotation and saved record',
  fault: 'answer lost by an injected fault',
  outage: 'answer cut off by an outage',
  late: "a dead sender's request came after the re-send",
} as const;

const commandName = (command: ProcessRun['command']): string => {
  if (command.kind !== 'get') {
    return command.kind;
  }
  return command.force ? 'get --force' : command.rejected === null ? 'get' : 'get --rejected';
};

const seconds = (processes: readonly ProcessRun[]): number => {
  const starts = processes.map(({ startedAt }) => startedAt);
  const ends = processes.map(({ endedAt }) => endedAt);
  return Math.round((ends.reduce(greater, 0) - starts.reduce(smaller, Date.now())) / 1000);
};

const greater = (a: number, b: number): number => Math.max(a, b);
const smaller = (a: number, b: number): number => Math.min(a, b);

const mostAtOnce = (processes: readonly ProcessRun[]): number => {
  const changes = processes
    .flatMap(({ startedAt, endedAt }) => [
      { at: startedAt, by: 1 },
      { at: endedAt, by: -1 },
    ])
    .sort((a, b) => a.at - b.at || a.by - b.by);
  let now = 0;
  return changes.reduce((most, { by }) => {
    now += by;
    return Math.max(most, now);
  }, 0);
};

const resends = ({ requests }: History): number => {
  const tokens = requests.flatMap(({ refresh }) => refresh ?? []);
  return tokens.length - new Set(tokens).size;
};

const tally = (names: readonly string[]): string => {
  const counts = new Map<string, number>();
  for (const name of names) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
};
