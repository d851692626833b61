import type { History, ProcessRun, TokenRequest } from './storm-history.ts';

/** Something that no rule permits. */
export interface Violation {
  readonly rule: string;
  readonly at: number;
  readonly login: string;
  /** What is known of it. Fingerprints only. */
  readonly details: unknown;
}

export const violation = (
  rule: string,
  at: number,
  { login, family, number }: { login: string; family?: string; number?: number },
  details: unknown = null,
): Violation => ({
  rule,
  at,
  login,
  details: family === undefined ? details : { family, generation: number, details },
});

export const runViolation = (rule: string, run: ProcessRun, details: unknown = null): Violation =>
  violation(rule, run.endedAt, run, {
    ...{ pid: run.pid, command: run.command, code: run.code, stderr: run.stderr.trim() },
    ...{ startedAt: run.startedAt, details },
  });

/** When nothing could change any more. */
export const killedAt = ({ autopsy, endedAt }: ProcessRun): number => autopsy?.at ?? endedAt;

/** How long a connection may take to break once the server has gone offline. */
const BREAKING_MS = 200;

/** An outage began before the answer to this request was certainly delivered. */
export const isCutOff = ({ outages }: History, { at, endedAt }: TokenRequest): boolean =>
  outages.some(
    ({ from }) => from >= at && from <= (endedAt ?? Number.POSITIVE_INFINITY) + BREAKING_MS,
  );
