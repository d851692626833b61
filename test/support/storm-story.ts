import type {
  AuditLine,
  Autopsy,
  Command,
  Fingerprint,
  History,
  Interval,
  Issued,
  ProcessRun,
  RecordSight,
  TokenRequest,
} from './storm-history.ts';
import { judgeHistory } from './storm-verdict.ts';

type Draft = {
  -readonly [Name in keyof History]: History[Name] extends readonly (infer Item)[]
    ? Item[]
    : History[Name];
};

/** Histories by hand, for the checker's own tests: what is not said is as it is when all is well. */
export const createStory = (login = 'work') => {
  let now = 1_000_000;
  let pids = 100;
  let tokens = 0;
  let generation = 0;
  const draft: Draft = {
    ...{ processes: [], grants: [], requests: [], audit: [], outages: [], revocations: [] },
    ...{ reads: { count: 1, torn: [] }, leaks: [], strayFiles: [] },
  };

  const issue = (lifetimeMs: number): Issued => {
    tokens += 1;
    return { access: `access-${tokens}`, refresh: `refresh-${tokens}`, at: now, lifetimeMs };
  };

  const story = {
    draft,
    now: () => now,
    /** Time passes. */
    wait: (ms: number) => {
      now += ms;
    },
    /** A process that begins now and takes 100 ms. */
    run: (members: Partial<ProcessRun> = {}): ProcessRun => {
      pids += 1;
      const run: ProcessRun = {
        ...{ pid: pids, login, phase: 'storm' },
        command: { kind: 'get', force: false, rejected: null, timeoutMs: 30_000 },
        ...{ startedAt: now, spawnedAt: now + 1, endedAt: now + 100, code: 0, signal: null },
        ...{ printed: null, oddOutput: null, atPrint: null, stderr: '', signals: [] },
        ...{ autopsy: null, hung: false },
        ...members,
      };
      draft.processes.push(run);
      now = Math.max(now, run.endedAt) + 1;
      return run;
    },
    audit: (line: Partial<AuditLine>): void => {
      draft.audit.push({ at: now, pid: pids, event: 'attempt', login, ...line });
    },
    request: (members: Partial<TokenRequest>): TokenRequest => {
      const request: TokenRequest = {
        ...{ at: now, endedAt: now + 5, refresh: null, family: `family-${draft.grants.length}` },
        ...{ outcome: 'rotated', fault: null, status: 200, holder: pids, issued: null },
        ...members,
      };
      draft.requests.push(request);
      now += 10;
      return request;
    },
    /** A person signs in, and hands the tokens over. */
    signIn: (lifetimeMs = 10_000, members: Partial<ProcessRun> = {}): Issued => {
      const issued = issue(lifetimeMs);
      const family = `family-${draft.grants.length + 1}`;
      generation += 1;
      draft.grants.push({ login, family, issued });
      const run = story.run({ command: { kind: 'import', family, timeoutMs: 30_000 }, ...members });
      story.audit({ event: 'import', pid: run.pid, at: run.endedAt - 1, token: issued.refresh });
      return issued;
    },
    /** A get prints the token. */
    print: ({ access, refresh }: Issued, members: Partial<ProcessRun> = {}): ProcessRun => {
      const atPrint: RecordSight = { kind: 'record', access, refresh, generation };
      return story.run({ printed: access, atPrint, ...members });
    },
    /** The server rotates; nobody has seen the answer yet. */
    rotate: (spent: Issued, members: Partial<TokenRequest> = {}): Issued => {
      const issued = issue(10_000);
      story.request({ refresh: spent.refresh, issued, ...members });
      return issued;
    },
    /** A get refreshes, and all goes well. `after` names what passes before it begins. */
    refresh: (spent: Issued, members: Partial<ProcessRun> = {}): Issued => {
      const startedAt = now;
      pids += 1;
      const pid = pids;
      const issued = story.rotate(spent, { holder: pid });
      generation += 1;
      story.audit({
        ...{ pid, verdict: 'refreshed', error: null, requests: 1, ms: 10 },
        ...{ spent: spent.refresh, issued: issued.refresh },
      });
      story.print(issued, { pid, startedAt, spawnedAt: startedAt + 1, ...members });
      return issued;
    },
    /** A get is killed when it has passed the gate with this token. */
    kill: (spent: Issued, autopsy: Partial<Autopsy> = {}, members: Partial<ProcessRun> = {}) =>
      story.run({
        ...{ code: null, signal: 'SIGKILL' },
        signals: [{ signal: 'SIGKILL', at: now }],
        autopsy: {
          ...{ at: now, held: true, gate: generation, noted: false },
          record: { kind: 'record', access: spent.access, refresh: spent.refresh, generation },
          next: { kind: 'torn', what: 'unfinished' },
          ...autopsy,
        },
        ...members,
      }),
    /** A get that fails. */
    fail: (code: number, stderr: string, members: Partial<ProcessRun> = {}): ProcessRun =>
      story.run({ code, stderr: `tokenctl: ${login}: ${stderr}\n`, ...members }),
    /** An attempt that fails passingly. */
    falter: (spent: Issued, error: string, members: Partial<TokenRequest> = {}): void => {
      const startedAt = now;
      pids += 1;
      const pid = pids;
      story.request({ refresh: spent.refresh, outcome: 'fault', holder: pid, ...members });
      story.audit({ pid, verdict: 'unavailable', error, requests: 1, ms: 5, spent: spent.refresh });
      story.fail(5, `not now: ${error} (try later)`, { pid, startedAt });
    },
    outage: (interval: Interval): void => {
      draft.outages.push(interval);
    },
    sight: ({ access, refresh }: Issued): RecordSight & { access: Fingerprint } => ({
      ...{ kind: 'record', access, refresh, generation },
    }),
    remove: (members: Partial<ProcessRun> = {}): ProcessRun =>
      story.run({ command: { kind: 'remove', timeoutMs: 30_000 }, ...members }),
  };
  return story;
};

export type Story = ReturnType<typeof createStory>;

/** The rules that a history breaks, each once, sorted. */
export const broken = (tell: (story: Story) => void): string[] => {
  const story = createStory();
  tell(story);
  return [...new Set(judgeHistory(story.draft).violations.map(({ rule }) => rule))].sort();
};

export const excuses = (tell: (story: Story) => void): string[] => {
  const story = createStory();
  tell(story);
  return judgeHistory(story.draft).losses.map(({ excuse }) => excuse);
};

export const get = (members: Partial<Command & { kind: 'get' }> = {}): Command => ({
  ...{ kind: 'get', force: false, rejected: null, timeoutMs: 30_000 },
  ...members,
});
export const FORCED = get({ force: true });

/** A refresh whose answer died with its sender, and the second use that follows. */
export const loseLogin = (story: Story): void => {
  const first = story.signIn(0);
  story.wait(100);
  story.kill(first);
  story.rotate(first, { at: story.now() - 60 });
  story.request({ refresh: first.refresh, outcome: 'reuse_detected', holder: 900, status: 400 });
  story.audit({ pid: 900, verdict: 'dead', requests: 1, spent: first.refresh });
  story.fail(4, 'login required: invalid_grant', { pid: 900, startedAt: story.now() - 50 });
};
