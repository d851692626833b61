import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { freshLine } from '../../src/fresh-line.ts';
import { FORMAT, serialiseRecord } from '../../src/record-format.ts';
import { Secret } from '../../src/secret.ts';
import { ANCHOR } from '../../src/store/origin.ts';
import { need } from '../support/need.ts';
import { credentialOf } from '../support/records.ts';
import { isInstalled, LAUNCHER } from './driver.ts';

const TEXT = readFileSync(LAUNCHER, 'utf8');
const SRC = resolve(import.meta.dirname, '../../src');

it('has nothing that shellcheck warns about', (context) => {
  need(context, isInstalled('shellcheck'), 'shellcheck(1)');
  const { stdout, status } = spawnSync('shellcheck', ['--severity=style', LAUNCHER], {
    encoding: 'utf8',
  });
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
});

it('understands the records that this version writes, and no others', () => {
  const [first = ''] = serialiseRecord(credentialOf(), 'none').split('\n');
  expect(first).toMatch(new RegExp(`^\\{"fresh":"${FORMAT} \\d+ \\d+",$`));
  const versions = [...TEXT.matchAll(/"fresh":"(\d+)/g)].map(([, version]) => version);
  expect(versions).toEqual([`${FORMAT}`, `${FORMAT}`]);
});

it('looks at the anchor that the store keeps', () => {
  expect(new Set(TEXT.match(/(?<=\/)tokenctl-\w+/g))).toEqual(new Set([ANCHOR]));
});

it('knows every variable that changes what Node.js does', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  const named = files.flatMap((path) =>
    [...readFileSync(join(SRC, path), 'utf8').matchAll(/\bTOKENCTL_[A-Z_]+\b/g)].map(
      ([name]) => name,
    ),
  );
  // What the bundler puts in its place is no variable.
  const variables = [...new Set(named)].filter((name) => name !== 'TOKENCTL_VERSION');
  const heeded = ['TOKENCTL_DEBUG', 'TOKENCTL_HOME'];
  // One it sets itself; the others matter when a refresh token is wanted, and never to a fresh token.
  const known = ['TOKENCTL_HERD', 'TOKENCTL_KEY_COMMAND', 'TOKENCTL_PASSPHRASE_FILE'];
  expect(variables.sort()).toEqual([...heeded, ...known].sort());
  for (const variable of heeded) {
    expect(TEXT).toContain(`\${${variable}+`);
  }
});

it('takes those characters for plain that the record does', () => {
  const sets = [...TEXT.matchAll(/\[!?(ABC\S+~\S+)-\]/g)].map(([, set = '']) =>
    set.replace('\\', ''),
  );
  expect(sets).toHaveLength(3);
  for (let code = 0; code < 256; code += 1) {
    const character = String.fromCharCode(code);
    const record = credentialOf({ accessToken: new Secret(character) });
    const plain = freshLine(record, FORMAT) !== null;
    expect({ code, plain: sets.map((set) => `${set}-`.includes(character)) }).toEqual({
      code,
      plain: [plain, plain, plain],
    });
  }
});

it('names each character that it takes for plain: what lies between two depends on the locale', () => {
  for (const [set] of TEXT.matchAll(/\[[^\]\s]{5,}\]/g)) {
    expect(set.slice(0, -2)).not.toMatch(/-/);
  }
});

it('takes no variable of its own from outside', () => {
  const variables = new Set(TEXT.match(/\btk_[a-z]+/g));
  const unset = [...TEXT.matchAll(/^unset ((?:.*\\\n)*.*)$/gm)].flatMap(([, names = '']) =>
    (names.match(/\btk_[a-z]+/g) ?? []).map(String),
  );
  expect([...variables].sort()).toEqual(unset.sort());
});

it('can stand in a JavaScript comment', () => {
  expect(TEXT).not.toContain('*/');
  expect(TEXT).toMatch(/^#!\/bin\/sh\n/);
  expect(TEXT).toMatch(/\nexec .*"\$@"\n$/);
});
