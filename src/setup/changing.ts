import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldLogin } from '../bound-logins.ts';
import { TokenctlError } from '../errors.ts';
import { findPaths } from '../paths.ts';
import { monotonicMs } from '../platform/clock.ts';
import { commitChange, type FileChange, type PreparedChange } from './change-file.ts';
import { withSetupLock } from './lock.ts';
import { readSetupRecord, recovered, type SetupRecord, writeSetupRecord } from './record.ts';
import { lockFileOf } from './target-file.ts';
import type { Tool } from './tool.ts';
import { tools } from './tools.ts';
import type { Hunk } from './wire.ts';

export interface SetupRequest {
  readonly tool: string;
  readonly hosts: readonly string[];
  readonly login: string | undefined;
  readonly replace: boolean;
  readonly user: string | undefined;
  readonly registry: string | undefined;
  readonly index: string | undefined;
  readonly dryRun: boolean;
  readonly timeoutMs: number;
  /** All of them. */
  readonly logins: readonly HeldLogin[];
  readonly env: NodeJS.ProcessEnv;
  /** Where an installed command is, for those that are not on PATH. */
  readonly program: (name: string) => string;
}

export interface ChangedFile {
  readonly path: string;
  readonly change: 'made' | 'changed' | 'removed';
  readonly hunks: readonly Hunk[];
}

export type SetupOutcome =
  | {
      readonly kind: 'done';
      readonly hosts: readonly string[];
      /** Those that had to be changed: none where all was as it is to be. */
      readonly files: readonly ChangedFile[];
      readonly notes: readonly string[];
      /** Left in these files: it is not in the form any more in which it was written. */
      readonly stuck: readonly { readonly path: string; readonly lines: readonly string[] }[];
    }
  | { readonly kind: 'by-hand'; readonly file: string; readonly lines: string };

/** What is to be done to which files. */
export interface Work {
  readonly hosts: readonly string[];
  readonly notes: readonly string[];
  readonly prepare: readonly PreparedChange[];
}

/** All is prepared before anything is written; and all over again if a file is changed meanwhile. */
export const changing = async (
  { tool: name, dryRun, timeoutMs, env }: SetupRequest,
  plan: (tool: Tool, record: SetupRecord) => Work,
): Promise<SetupOutcome> => {
  const tool = toolOf(name);
  const { setup } = findPaths(env);
  if (dryRun) {
    return outcomeOf(plan(tool, readSetupRecord(setup)));
  }
  return withSetupLock(setup, timeoutMs, async () => {
    const end = monotonicMs() + timeoutMs;
    for (;;) {
      const held = readSetupRecord(setup);
      const record = recovered(held);
      if (held.pending !== null) {
        writeSetupRecord(setup, record);
      }
      const work = plan(tool, record);
      const outcome = outcomeOf(work);
      const step = outcome.kind === 'by-hand' ? 'done' : commitAll(setup, record, work);
      if (step === 'done') {
        return outcome;
      }
      if (monotonicMs() >= end) {
        throw blocked(step);
      }
      await sleep(PAUSE_MS);
    }
  });
};

const PAUSE_MS = 50;

const commitAll = (
  recordPath: string,
  before: SetupRecord,
  { prepare }: Work,
): 'done' | FileChange => {
  let record = before;
  for (const prepared of prepare) {
    if (prepared.kind === 'prepared') {
      if (commitChange(recordPath, record, prepared.change) !== 'done') {
        return prepared.change;
      }
      record = prepared.change.record;
    }
  }
  return 'done';
};

const blocked = ({ target: { path } }: FileChange): TokenctlError =>
  new TokenctlError('unavailable', `${path} is being changed by another program`, {
    hint: `try again; if none is running: rm '${lockFileOf(path)}'`,
  });

const outcomeOf = ({ hosts, notes, prepare }: Work): SetupOutcome => {
  const refused = prepare.find((one) => one.kind === 'by-hand');
  if (refused?.kind === 'by-hand') {
    return refused;
  }
  const changes = prepare.flatMap((one) => (one.kind === 'prepared' ? [one.change] : []));
  return {
    ...{ kind: 'done', hosts, notes },
    files: changes
      .filter(({ isChanged }) => isChanged)
      .map(({ file, target, bytes, hunks }) => ({
        path: file,
        change: bytes === null ? 'removed' : target.bytes === null ? 'made' : 'changed',
        hunks,
      })),
    stuck: changes
      .filter(({ stuck }) => stuck.length > 0)
      .map(({ file, stuck }) => ({ path: file, lines: stuck })),
  };
};

export const toolOf = (name: string): Tool => {
  const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
  if (tool === undefined) {
    throw new TokenctlError('usage', `setup knows ${Object.keys(tools).join(', ')}`, {
      hint: 'tokenctl setup --help',
    });
  }
  return tool;
};
