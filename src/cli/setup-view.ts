import { printable } from '../errors.ts';
import type { ChangedFile, SetupOutcome } from '../setup/changing.ts';
import type { Hunk } from '../setup/wire.ts';

/**
 * What changes, in the form of a diff. Only what setup writes, or wrote, is shown: beside it there may be
 * secrets.
 */
export const changesAsText = (files: readonly ChangedFile[]): string =>
  files
    .map(({ path, change, hunks }) => {
      const from = change === 'made' ? '/dev/null' : path;
      const to = change === 'removed' ? '/dev/null' : path;
      return `--- ${from}\n+++ ${to}\n${hunks.map(hunkAsText).join('')}`;
    })
    .join('');

const hunkAsText = (hunk: Hunk): string => {
  const { line, removed, added, isHidden } = hunk;
  const hidden = isHidden ? [`${added === '' ? '+' : '-'}${NOT_SHOWN}`] : [];
  const lines = [...hidden, ...marked('-', removed), ...marked('+', added)];
  return `@@ line ${line} @@\n${lines.map((one) => `${one}\n`).join('')}`;
};

const NOT_SHOWN = '(what stands there otherwise; not shown)';

const marked = (mark: string, text: string): string[] =>
  text
    // Between members, or it would look like a line of its own.
    .replace(/^,(?=\s)/, '')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => `${mark}${safe(line)}`);

export const linesToAdd = (lines: string): string => lines.split('\n').map(safe).join('\n');

/** Indentation is not a control character to be afraid of. */
const safe = (line: string): string => {
  const [indent = ''] = /^[ \t]*/.exec(line) ?? [];
  return indent + printable(line.slice(indent.length), 500);
};

export const outcomeAsJson = (
  tool: string,
  { hosts, files, notes, stuck }: Extract<SetupOutcome, { kind: 'done' }>,
  dryRun: boolean,
): string => {
  const changes = files.map(({ path, change, hunks }) => ({
    path,
    change,
    edits: hunks.map(({ line, removed, added }) => ({ line, removed, added })),
  }));
  const left = stuck.map(({ path }) => path);
  return `${JSON.stringify({ tool, dry_run: dryRun, hosts, files: changes, left, warnings: notes })}\n`;
};
