import type { Move } from './lock-model.ts';

/** One line of a way to a violation. */
export const describe = ({ process, what, result }: Move): string => {
  const who = PROCESSES[process];
  if (what === 'crash') {
    return `${who} dies`;
  }
  const { op, ...operands } = what;
  const given =
    result === null ? '' : 'errno' in result ? result.errno : JSON.stringify(result.given);
  return legible(`${who} ${op} ${Object.values(operands).join(' ')} → ${given}`);
};

const PROCESSES = 'ABCDEFGHI';

/** Lease names as `A1`: the first holding of process A. */
export const legible = (text: string): string =>
  text.replace(
    /(\d)\.s\.0{12}\.-\.0{15}(\d)/g,
    (_, pid: string, nth: string) => `${PROCESSES[Number(pid) - 1]}${nth}`,
  );
