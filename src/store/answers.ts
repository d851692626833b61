import { randomInt, randomUUID } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Paths } from '../paths.ts';

/** The state of all records, as the directory's modification time: seconds, long past. */
export type Stamp = number;

/** What another program was answered, around the token. */
export interface KeptAnswer {
  /** Of what `stampRecords` gave before the records were read. */
  readonly stamp: Stamp;
  readonly login: string;
  /** Where its token may go, as the record says it. */
  readonly hosts: readonly string[];
  /** As they stand after `credential`. */
  readonly args: readonly string[];
  readonly request: string;
  readonly before: string;
  readonly after: string;
}

/**
 * Gives the directory of the records a modification time that no clock shows any more and that no other
 * call chose. Every change of a record, by whomever, puts a file in its place, which sets that time to now:
 * as long as it is this one, all records are as they were when it was set, whatever the clock does.
 *
 * Null where that cannot be done, and where a record is a link: the file it leads to changes elsewhere.
 */
export const stampRecords = (directory: string): Stamp | null => {
  try {
    const stamp = heldStamp(directory) ?? setStamp(directory);
    const linked = readdirSync(directory, { withFileTypes: true }).some(
      (entry) => entry.isSymbolicLink() && entry.name.endsWith('.json'),
    );
    return linked ? null : stamp;
  } catch {
    return null;
  }
};

const setStamp = (directory: string): Stamp | null => {
  const stamp = 2 * randomInt(EARLIEST / 2, LATEST / 2);
  utimesSync(directory, stamp, stamp);
  // A file system that makes something else of it would make the same of others.
  return heldStamp(directory) === stamp ? stamp : null;
};

const heldStamp = (directory: string): Stamp | null => {
  const held = statSync(directory).mtimeMs / 1000;
  return held % 2 === 0 && held >= EARLIEST && held < LATEST ? held : null;
};

/**
 * In 1982 and 1988. FAT counts in steps of two seconds from 1980 on, and a machine without a clock of its
 * own starts in 1970 or 1980.
 */
const EARLIEST = 400_000_000;
const LATEST = 600_000_000;

/**
 * Keeps an answer, without the token, for `bin/tokenctl`: to the same words, and while the records are the
 * same, it gives the same one. An economy: where anything is unusual, or fails, nothing is kept.
 */
export const keepAnswer = ({ answers }: Pick<Paths, 'answers'>, answer: KeptAnswer): void => {
  const text = textOf(answer);
  const name = fileName(answer);
  if (text === null || name === null) {
    return;
  }
  const prepared = join(answers, `.${randomUUID()}`);
  try {
    mkdirSync(answers, { recursive: true, mode: 0o700 });
    writeFileSync(prepared, text, { mode: 0o600, flag: 'wx' });
    utimesSync(prepared, answer.stamp, answer.stamp);
    renameSync(prepared, join(answers, name));
  } catch {
    try {
      rmSync(prepared, { force: true });
    } catch {
      // Nothing was made.
    }
  }
};

/** A contract with `bin/tokenctl`, which reads it line by line, and compares it to what it was asked. */
const textOf = ({ login, hosts, args, request, before, after }: KeptAnswer): string | null => {
  const bound = `"hosts":${JSON.stringify(hosts)},`;
  const asked = request.replace(/\n$/, '').split('\n');
  const first = before.split('\n');
  const last = after.replace(/\n$/, '').split('\n');
  const plain =
    PLAIN.test(bound) &&
    asked.every((line) => PLAIN.test(line) && !SECRET.test(line)) &&
    first.every((line) => PLAIN.test(line)) &&
    !/^-|\\/.test(before) &&
    last.every((line) => (line === '' || PLAIN.test(line)) && line !== '.' && !line.includes('\\'));
  const head = [`answer-2 ${login}`, args.join(' '), bound];
  return plain ? [...head, ...asked, '', ...first, '', ...last, '.', ''].join('\n') : null;
};

/** To every shell the same, in any locale. */
const PLAIN = /^[\x20-\x7e]+$/;
/** What other helpers of git have found: none of our business, and never to be written down. */
const SECRET = /^(password|credential|oauth_refresh_token)=/;

const fileName = ({ args: [kind], request }: KeptAnswer): string | null => {
  const host = kind === 'docker' ? request.replace(/\n$/, '') : /^host=(.*)$/m.exec(request)?.[1];
  return host !== undefined && /^[A-Za-z0-9:-][A-Za-z0-9.:-]{0,200}$/.test(host)
    ? `${host}.${kind}`
    : null;
};
