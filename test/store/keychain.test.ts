import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openKeychain } from '../../src/store/keychain.ts';
import { ANSWER } from '../../src/store/keychain-protocol.ts';

/** The process that talks to the keychain, played by small programs that do it badly. */

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tokenctl-keychain-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const PATIENT_MS = 60_000;

const played = (code: string) => {
  const program = join(directory, 'played.cjs');
  writeFileSync(program, code);
  return openKeychain(process.env, program);
};

const pidOf = (): number => Number(readFileSync(join(directory, 'pid'), 'utf8'));
const writesPid = `require('fs').writeFileSync(__dirname + '/pid', String(process.pid));`;
const answers = (outcome: object) =>
  `process.stdout.write(${JSON.stringify(`${ANSWER}${JSON.stringify(outcome)}\n`)});`;

it('that hangs is killed at the limit, and another one is started for the next call', async () => {
  const keychain = played(`
    ${writesPid}
    const again = require('fs').existsSync(__dirname + '/again');
    require('fs').writeFileSync(__dirname + '/again', '');
    process.stdin.on('data', () => { if (again) { ${answers({ kind: 'ok', value: 'x' })} } });`);
  expect(await keychain.read('a', 1_000)).toEqual({
    kind: 'slow',
    what: 'no answer within 1000 ms',
  });
  const hung = pidOf();
  expect(await keychain.read('a', PATIENT_MS)).toEqual({ kind: 'ok', value: 'x' });
  expect(() => process.kill(hung, 0)).toThrow('ESRCH');
  keychain.close();
});

it('that crashes gives nothing, and does not crash anybody else', async () => {
  const keychain = played(`process.stdin.on('data', () => process.kill(process.pid, 'SIGSEGV'));`);
  expect(await keychain.write('a', 'secret', PATIENT_MS)).toMatchObject({ kind: 'denied' });
  expect(await keychain.write('a', 'secret', PATIENT_MS)).toMatchObject({ kind: 'denied' });
});

it('that is not there gives nothing', async () => {
  const keychain = openKeychain(process.env, join(directory, 'not-there.cjs'));
  expect(await keychain.read('a', PATIENT_MS)).toMatchObject({ kind: 'denied' });
});

it('may print something else, and answer in pieces', async () => {
  const keychain = played(`
    process.stdin.on('data', () => {
      process.stdout.write('a library says hello\\n${ANSWER.slice(0, 4)}');
      setTimeout(() => process.stdout.write('${ANSWER.slice(4)}{"kind":"miss'), 50);
      setTimeout(() => process.stdout.write('ing"}\\n'), 100);
    });`);
  expect(await keychain.remove('a', PATIENT_MS)).toEqual({ kind: 'missing' });
  keychain.close();
});

it('is told nothing secret in its arguments or environment, and loads nothing from there', async () => {
  const keychain = openKeychain(
    { ...process.env, NODE_OPTIONS: '--require=/nonexistent', NODE_DEBUG: 'fs' },
    (() => {
      const program = join(directory, 'tells.cjs');
      writeFileSync(
        program,
        `process.stdin.on('data', (line) => {
          require('fs').writeFileSync(__dirname + '/told', JSON.stringify([process.argv, process.env]));
          const { op, slot, text } = JSON.parse(line);
          process.stdout.write('${ANSWER}' + JSON.stringify({ kind: 'ok', value: op + slot + text }) + '\\n');
        });`,
      );
      return program;
    })(),
  );
  const outcome = await keychain.write('a slot', 'of-secrets', PATIENT_MS);
  expect(outcome).toEqual({ kind: 'ok', value: 'writea slotof-secrets' });
  const told = readFileSync(join(directory, 'told'), 'utf8');
  expect(told).not.toMatch(/of-secrets|a slot|NODE_OPTIONS|NODE_DEBUG/);
  keychain.close();
});

it('ends when it is closed', async () => {
  const keychain = played(`
    ${writesPid}
    process.stdin.on('data', () => { ${answers({ kind: 'missing' })} });
    process.stdin.on('end', () => process.exit());`);
  await keychain.read('a', PATIENT_MS);
  keychain.close();
  for (let tries = 0; tries < 500 && isThere(pidOf()); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(isThere(pidOf())).toBe(false);
});

const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
