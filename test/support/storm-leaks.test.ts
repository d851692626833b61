import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findLeaks, textsBelow } from './storm-leaks.ts';

const SECRETS = [randomBytes(20).toString('hex'), randomBytes(32).toString('hex')];

test.each([
  ['a token', SECRETS[0] ?? ''],
  ['half a token', (SECRETS[1] ?? '').slice(30)],
  ['a token in the middle of more', `error: ab${SECRETS[1]}cd, sorry`],
])('%s is found', (_what, text) => {
  const texts = [['log', text] as const, ['other', 'nothing here'] as const];
  expect(findLeaks(texts, SECRETS)).toEqual(['log']);
});

test('other hex is not', () => {
  const other = `${randomBytes(32).toString('hex')} ${(SECRETS[0] ?? '').slice(0, 12)}`;
  expect(findLeaks([['log', other]], SECRETS)).toEqual([]);
});

test('names and contents are looked at, save where tokens are kept', () => {
  const home = mkdtempSync(join(tmpdir(), 'tokenctl-test-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const [secret = ''] = SECRETS;
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), text);
  };
  write('audit.jsonl', secret);
  write('credentials/work.json', secret);
  write('credentials/work.lock.1.dead/next.json', secret);
  write('credentials/work.lock/1.2/owner.json', secret);
  write(`credentials/${secret}`, '');
  expect(findLeaks(textsBelow(home), SECRETS).sort()).toEqual([
    'audit.jsonl',
    'credentials/work.lock/1.2/owner.json',
    `the name credentials/${secret}`,
  ]);
});
