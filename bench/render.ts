import type { Machine, Missing, Results } from './results.ts';
import { type Table, tablesOf } from './tables.ts';

/** For a terminal. */
export const renderText = (results: Results): string =>
  [
    machineLine(results),
    ...tablesOf(results).map((table) => `${table.title}\n${textTable(table)}`),
    ...list(results.missing, '  '),
  ].join('\n\n');

/** For the README. */
export const renderMarkdown = (results: Results): string =>
  [
    ...tablesOf(results).map((table) => `**${table.title}**\n\n${markdownTable(table)}`),
    ...list(results.missing, '- '),
    `_${machineLine(results)}_`,
  ].join('\n\n');

const textTable = ({ columns, rows }: Table): string => {
  const widths = columns.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [columns, ...rows]
    .map((row) =>
      row.map((cell, column) => pad(cell, column, widths[column] ?? 0, row.length)).join('  '),
    )
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n');
};

/** Names and remarks to the left, figures to the right. */
const pad = (cell: string, column: number, width: number, columns: number): string =>
  column === 0 || column === columns - 1 ? cell.padEnd(width) : cell.padStart(width);

const markdownTable = ({ columns, rows }: Table): string => {
  const rule = columns.map((_, column) =>
    column === 0 || column === columns.length - 1 ? '---' : '---:',
  );
  return [columns, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
};

/** Nobody is left out silently. */
const list = (missing: readonly Missing[], bullet: string): string[] =>
  missing.length === 0
    ? []
    : [missing.map(({ name, why }) => `${bullet}not measured: ${name}: ${why}`).join('\n')];

const machineLine = ({ machine, at, quick }: Results): string => {
  const { cpu, cores, system, node, load }: Machine = machine;
  const busy = load > cores / 2 ? `; THE MACHINE WAS BUSY (load ${load.toFixed(1)})` : '';
  return `${cpu}, ${cores} cores, ${system}, Node.js ${node}, ${at.slice(0, 10)}${quick ? ', a quick run' : ''}${busy}`;
};
