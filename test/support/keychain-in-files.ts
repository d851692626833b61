import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Keychain } from '../../src/store/keychain.ts';

/** A keychain that processes share and that is always there: a file for each slot. */
export const keychainIn = (directory: string): Keychain => {
  mkdirSync(directory, { recursive: true });
  const pathOf = (slot: string) =>
    join(directory, createHash('sha256').update(slot).digest('hex').slice(0, 16));
  return {
    read: async (slot) =>
      existsSync(pathOf(slot))
        ? { kind: 'ok', value: readFileSync(pathOf(slot), 'utf8') }
        : { kind: 'missing' },
    write: async (slot, text) => {
      writeFileSync(`${pathOf(slot)}.new`, text);
      renameSync(`${pathOf(slot)}.new`, pathOf(slot));
      return { kind: 'ok', value: '' };
    },
    remove: async (slot) => {
      rmSync(pathOf(slot), { force: true });
      return { kind: 'ok', value: '' };
    },
    close: () => {},
  };
};

/** What is in it. */
export const slotsIn = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'))
    : [];
