import type { Misbehaviour } from '../../src/demo/fault-modes.ts';
import type { Outcome } from '../../src/demo/request-log.ts';

/**
 * What a storm leaves behind: all that its checker knows. Times are milliseconds since the epoch, by
 * the one clock that everybody on this machine shares. Tokens appear as fingerprints only.
 */
export interface History {
  readonly processes: readonly ProcessRun[];
  readonly grants: readonly Grant[];
  /** Token requests, in the order in which the server took them up. */
  readonly requests: readonly TokenRequest[];
  readonly audit: readonly AuditLine[];
  readonly outages: readonly Interval[];
  /** Families that were revoked at the provider, as by a person there. */
  readonly revocations: readonly { readonly family: string; readonly at: number }[];
  /** How often the records were read while all this went on, and what was wrong with what was read. */
  readonly reads: { readonly count: number; readonly torn: readonly string[] };
  /** Where a token was found that has no business there. */
  readonly leaks: readonly string[];
  /** Once all is over and each lease has been taken once more: files that should not be there. */
  readonly strayFiles: readonly string[];
}

/** The first 12 hex digits of a token's SHA-256, as in the audit. */
export type Fingerprint = string;

export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** Tokens of a new family, as a person who has just signed in hands them to `import`. */
export interface Grant {
  readonly login: string;
  readonly family: string;
  readonly issued: Issued;
}

export interface Issued {
  readonly access: Fingerprint;
  readonly refresh: Fingerprint;
  readonly at: number;
  readonly lifetimeMs: number;
}

export interface TokenRequest {
  readonly at: number;
  /** When the answer was handed over or the connection ended; null if neither was seen. */
  readonly endedAt: number | null;
  readonly refresh: Fingerprint | null;
  readonly family: string | null;
  readonly outcome: Outcome;
  readonly fault: Misbehaviour['kind'] | null;
  readonly status: number | null;
  /** Whose lease was in the login's lock when the request was taken up; its sender may be dead by then. */
  readonly holder: number | null;
  /** What a rotation issued. */
  readonly issued: Issued | null;
}

export type Command =
  | {
      readonly kind: 'get';
      readonly force: boolean;
      /** The token that was handed back with --rejected. */
      readonly rejected: Fingerprint | null;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'import'; readonly family: string; readonly timeoutMs: number }
  | { readonly kind: 'remove'; readonly timeoutMs: number }
  | {
      readonly kind: 'invalidate';
      /** Null: whatever is stored. */
      readonly token: Fingerprint | null;
      readonly timeoutMs: number;
    };

/** In the storm, or in the calm after it: a plain get for each login, then a forced one. */
export type Phase = 'storm' | 'end-plain' | 'end-force' | 'mended';

export interface ProcessRun {
  readonly pid: number;
  readonly login: string;
  readonly phase: Phase;
  readonly command: Command;
  /** Before it was started, and when that was done: the kernel's own start time lies between. */
  readonly startedAt: number;
  readonly spawnedAt: number;
  /** When its end was noticed. */
  readonly endedAt: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The token that a get printed. */
  readonly printed: Fingerprint | null;
  /** It printed something that is not what its command prints. */
  readonly oddOutput: string | null;
  /** What stood in the store when the first of its output was noticed. */
  readonly atPrint: RecordSight | null;
  readonly stderr: string;
  readonly signals: readonly SentSignal[];
  readonly autopsy: Autopsy | null;
  /** It had to be ended because it would not end by itself. */
  readonly hung: boolean;
}

export interface SentSignal {
  readonly signal: NodeJS.Signals;
  readonly at: number;
}

/** A credential file as it was read at one moment. */
export type RecordSight =
  | { readonly kind: 'absent' }
  /** Not every byte of it was there, or right. */
  | { readonly kind: 'torn'; readonly what: string }
  | {
      readonly kind: 'record';
      readonly access: Fingerprint | null;
      readonly refresh: Fingerprint | null;
      readonly generation: number;
    };

/** What a process that was stopped, and killed before it could go on, had achieved. */
export interface Autopsy {
  readonly at: number;
  /** It held its login's lease. */
  readonly held: boolean;
  /** The generation whose refresh token may have gone out: it had passed the gate with it. */
  readonly gate: number | null;
  readonly record: RecordSight;
  /** The last attempt that the record tells of was its own: it lived to put that down. */
  readonly noted: boolean;
  /** The next record in its lease; torn is what an unfinished one is. */
  readonly next: RecordSight;
}

/** One line of `audit.jsonl`; see src/audit/audit.ts. */
export interface AuditLine {
  readonly at: number;
  readonly pid: number;
  readonly event: string;
  readonly login: string;
  readonly verdict?: string;
  readonly error?: string | null;
  readonly requests?: number;
  readonly spent?: Fingerprint | null;
  readonly issued?: Fingerprint | null;
  readonly ms?: number;
  readonly generation?: number;
  /** Of the lease that was taken over. */
  readonly from?: string;
  readonly token?: Fingerprint | null;
}
