import type { Facts } from './storm-facts.ts';
import type { AuditLine, Interval, ProcessRun, TokenRequest } from './storm-history.ts';
import { isUncommitted } from './storm-losses.ts';

/** Why a process may say "not now" (exit 5), by what it said. Null, or what is wrong with it. */
export const excuseForUnavailable = (facts: Facts, run: ProcessRun): string | null => {
  const { stderr } = run;
  if (stderr.includes('timed out waiting for')) {
    return excuseForWait(facts, run);
  }
  if (stderr.includes('the refresh token went out twice')) {
    return hasTwoLostSends(facts, run) ? null : 'exit 5 for two deaths that did not happen';
  }
  if (stderr.includes('was rejected right after it was issued')) {
    return wasRejected(facts, run) ? null : 'exit 5 for a rejection that did not happen';
  }
  const [, error = ''] = /: not now: (\w+)/.exec(stderr) ?? [];
  const isShared = sharedFailure(facts, run, error);
  return isShared ? null : `exit 5 for a failure (${error}) that did not happen`;
};

/** So long a wait is ended by no healthy holder, not even on a busy machine. */
const LONG_WAIT_MS = 20_000;

const excuseForWait = (facts: Facts, run: ProcessRun): string | null => {
  if (run.endedAt - run.startedAt < run.command.timeoutMs - 50) {
    return 'exit 5 before its time was over';
  }
  const others = facts.runsOf(run.login).filter((other) => overlap(other, run));
  const isHeldUp =
    others.some((other) => stopsOf(other).some((stop) => overlapMs(stop, run) > 0)) ||
    facts.history.requests.some(
      (request) => isOf(facts, request, run) && request.fault === 'hang' && during(request, run),
    );
  return isHeldUp || (run.command.timeoutMs < LONG_WAIT_MS && others.length > 0)
    ? null
    : 'exit 5 waiting for a holder that nothing held up';
};

/** Two senders died, or one did after another request had got no answer. */
const hasTwoLostSends = (facts: Facts, run: ProcessRun): boolean =>
  facts.generations
    .filter(({ login }) => login === run.login)
    .some(({ issued: { refresh } }) => {
      const deaths = facts
        .corpses(refresh)
        .filter((corpse) => isUncommitted(corpse) && corpse.autopsy.at <= run.endedAt);
      const unanswered = facts
        .attempts(refresh)
        .some(({ verdict, at }) => verdict === 'unavailable' && at <= run.endedAt);
      return (
        deaths.length >= 2 ||
        (deaths.length === 1 && (unanswered || facts.sends(refresh).length > 1))
      );
    });

const wasRejected = (facts: Facts, run: ProcessRun): boolean =>
  facts
    .runsOf(run.login)
    .some(
      ({ command, startedAt }) =>
        startedAt <= run.endedAt &&
        (command.kind === 'invalidate' || (command.kind === 'get' && command.rejected !== null)),
    );

const LONGEST_BACKOFF_MS = 60_000;
const SLACK_MS = 200;

/** An attempt with that outcome, no longer ago than its back-off. */
const sharedFailure = (facts: Facts, run: ProcessRun, error: string): boolean => {
  const isRecent = (at: number): boolean =>
    at >= run.startedAt - LONGEST_BACKOFF_MS - SLACK_MS && at <= run.endedAt + SLACK_MS;
  return (
    facts.history.audit.some(
      (line) => line.login === run.login && line.error === error && isRecent(line.at),
    ) ||
    // Killed when it had told the others, and before it could tell the audit.
    facts
      .runsOf(run.login)
      .some(
        ({ autopsy, ...killed }) =>
          autopsy?.noted && isRecent(autopsy.at) && isCause(facts, killed, error),
      )
  );
};

/** Whether something was done to an attempt that explains how it failed. */
export const isExplained = (facts: Facts, line: AuditLine): boolean => {
  const run = facts.runOf(line.login, line.pid, line.at);
  if (run === null) {
    return false;
  }
  const meanwhile = { ...run, endedAt: line.at };
  return isCause(facts, meanwhile, line.error ?? '');
};

/** Whether what was done to this login, or to all, while it ran makes a refresh fail in that way. */
const isCause = (facts: Facts, span: Span & { readonly login: string }, error: string): boolean =>
  (NETWORK_ERRORS.has(error) &&
    facts.history.outages.some(({ from, to }) => from <= span.endedAt && to >= span.startedAt)) ||
  facts.history.requests.some(
    (request) => isOf(facts, request, span) && during(request, span) && isFaultFor(error, request),
  );

const NETWORK_ERRORS: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

const isFaultFor = (error: string, { fault, status }: TokenRequest): boolean => {
  switch (fault) {
    case 'reset':
      return error === 'ECONNRESET' || error === 'EPIPE';
    case 'hang':
      return error === 'ETIMEDOUT';
    case 'endless-body':
      return error === 'invalid_response';
    case 'html':
    case 'status':
    case 'redirect':
      return error === `http_${status}` || (status === 200 && error === 'invalid_response');
    default:
      return false;
  }
};

/** When it could not go on, by what it was sent. */
export const stopsOf = ({ signals, endedAt }: ProcessRun): Interval[] =>
  signals.flatMap(({ signal, at }, index) => {
    const end = signals.slice(index).find((later) => later.signal === 'SIGCONT');
    return signal === 'SIGSTOP' ? [{ from: at, to: end?.at ?? endedAt }] : [];
  });

type Span = Pick<ProcessRun, 'startedAt' | 'endedAt'>;

const overlap = (one: Span, other: Span): boolean =>
  one !== other && one.startedAt <= other.endedAt && one.endedAt >= other.startedAt;

const overlapMs = ({ from, to }: Interval, { startedAt, endedAt }: Span): number =>
  Math.min(to, endedAt) - Math.max(from, startedAt);

const during = ({ at, endedAt }: TokenRequest, span: Span): boolean =>
  at <= span.endedAt && (endedAt ?? Number.POSITIVE_INFINITY) >= span.startedAt;

const isOf = (
  facts: Facts,
  { family }: TokenRequest,
  { login }: { readonly login: string },
): boolean => facts.families.get(family ?? '')?.grant.login === login;
