import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'vitest';

const README = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8');

/** The README's only example with this in it. */
export const recipe = (with_: string): string => {
  const blocks = [...README.matchAll(/^```(?:sh|toml|json)\n(.*?)^```$/gms)].map(
    ([, code]) => code ?? '',
  );
  const [found = '', ...more] = blocks.filter((code) => code.includes(with_));
  expect([found !== '', more.length]).toEqual([true, 0]);
  return found;
};
