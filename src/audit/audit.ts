import { constants } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Verdict } from '../credential.ts';

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
      readonly event: 'import' | 'invalidate' | 'remove' | 'adopt';
      readonly login: string;
      readonly generation: number;
      readonly token: string | null;
    };

/** Puts an event down. Never fails: an audit that cannot be written must not cost a login. */
export type Audit = (event: AuditEvent) => Promise<void>;

/** Beyond this size the file is moved to `….1`, replacing the one before: two files bound the disk it takes. */
const MAX_AUDIT_BYTES = 8 * 1024 * 1024;

/** Appends to a 0600 file, created when first needed. */
export const fileAudit =
  (path: string): Audit =>
  async (event) => {
    const line = { at: new Date().toISOString(), pid: process.pid, ...event };
    try {
      await append(path, `${JSON.stringify(line)}\n`);
    } catch {
      // See Audit: the login matters more.
    }
  };

const append = async (path: string, line: string): Promise<void> => {
  const file = await openForAppend(path);
  let size: number;
  try {
    // One write(2) with O_APPEND: lines of parallel processes never mix.
    await file.write(line);
    size = (await file.stat()).size;
  } finally {
    await file.close();
  }
  if (size > MAX_AUDIT_BYTES) {
    await rename(path, `${path}.1`).catch(() => {});
  }
};

const openForAppend = async (path: string) => {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0 } = constants;
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW;
  try {
    return await open(path, flags, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw error;
    }
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return await open(path, flags, 0o600);
  }
};
