import type { Verdict } from '../credential.ts';
import { errnoOf } from '../errors.ts';
import { appendLine } from './append.ts';

/** What happened, with fingerprints and never a token. One line of JSON each. */
export type AuditEvent =
  | {
      readonly event: 'attempt';
      readonly login: string;
      readonly verdict: Verdict;
      readonly reason: string;
      readonly error: string | null;
      readonly generation: number;
      /** Requests sent in this attempt. */
      readonly requests: number;
      readonly spent: string | null;
      readonly issued: string | null;
      readonly ms: number;
      readonly lease: string;
    }
  | {
      readonly event: 'takeover' | 'adoption' | 'lease_lost';
      readonly login: string;
      readonly lease: string;
      readonly from?: string;
      readonly generation?: number;
    }
  | {
      readonly event: 'login' | 'import' | 'invalidate' | 'remove' | 'adopt' | 'store' | 'hosts';
      readonly login: string;
      readonly generation: number;
      readonly token: string | null;
    }
  | {
      readonly event: 'logout';
      readonly login: string;
      readonly generation: number;
      readonly token: string | null;
      /** Forgotten here only. */
      readonly local: boolean;
      /** Which tokens the provider has revoked, or says are no tokens any more. */
      readonly revoked: readonly string[];
      /** Why it ended before all was done. */
      readonly error: string | null;
    };

/**
 * Puts an event down. Never fails and never waits: an audit that cannot be written must not cost a
 * login. Gives what is wrong and how it is mended, null if nothing is.
 */
export type Audit = (event: AuditEvent) => Promise<string | null>;

/** Appends to a 0600 file, created when first needed. */
export const fileAudit =
  (path: string): Audit =>
  async (event) => {
    const line = { at: new Date().toISOString(), pid: process.pid, ...event };
    try {
      await appendLine(path, `${JSON.stringify(line)}\n`);
      return null;
    } catch (error) {
      const code = errnoOf(error) ?? 'unknown error';
      const mend = NOT_OURS.has(code) ? `mv '${path}' '${path}.away'` : 'make it writable';
      return `the audit ${path} is not written (${code}): ${mend}`;
    }
  };

/** Something stands in its place: a link, a pipe, a directory, another user's file. */
const NOT_OURS: ReadonlySet<string> = new Set(['ELOOP', 'EMLINK', 'ENXIO', 'EISDIR', 'EINVAL']);
