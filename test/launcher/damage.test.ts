import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { decide } from '../../src/decide.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { parseRecord } from '../../src/record-parser.ts';
import { Secret } from '../../src/secret.ts';
import { rounds } from '../support/login.ts';
import { need } from '../support/need.ts';
import { credentialOf } from '../support/records.ts';
import { ago, createPlace, isInstalled, type Place, SHELLS } from './driver.ts';

const TOKEN = 'aB3_aB3_aB3_aB3_aB3_';
const REPLACEMENTS = [
  '',
  '\0',
  ' ',
  '"',
  '\\',
  '\n',
  '0',
  '9',
  'x',
  '}',
  ',',
  '\xff',
  '\x1b',
  '"x',
];

/** The record, each of its bytes in turn replaced by each of these or cut off with all that follows. */
const damaged = (text: string, end = text.length): Buffer[] => {
  const texts: string[] = [];
  for (let index = 0; index < end; index += 1) {
    texts.push(text.slice(0, index));
    for (const replacement of REPLACEMENTS) {
      texts.push(text.slice(0, index) + replacement + text.slice(index + 1));
      texts.push(text.slice(0, index) + replacement + text.slice(index));
    }
  }
  return texts.filter((other) => other !== text).map((other) => Buffer.from(other, 'latin1'));
};

describe('a damaged record', () => {
  let place: Place;
  let text: string;
  beforeEach(async () => {
    place = createPlace();
    await place.save(credentialOf({ accessToken: new Secret(TOKEN), issued: ago(100) }));
    utimesSync(place.anchorPath, 1, Date.now() / 1000 - 60);
    text = readFileSync(place.recordPath(), 'latin1');
    expect(place.launch({ args: ['get', 'work'] }).stdout).toBe(`${TOKEN}\n`);
  });

  /** Each text in a home of its own, asked for in this shell. */
  const launchAll = (texts: readonly Buffer[], shell: readonly string[], timeSeconds?: number) => {
    const homes = texts.map((damage, index) => {
      const home = join(place.directory, `${index}`);
      const credentials = join(home, 'credentials');
      mkdirSync(credentials, { recursive: true });
      writeFileSync(join(credentials, 'tokenctl-anchor'), '');
      utimesSync(join(credentials, 'tokenctl-anchor'), 1, Date.now() / 1000 - 60);
      const path = join(credentials, 'work.json');
      writeFileSync(path, damage, { mode: 0o600 });
      if (timeSeconds !== undefined) {
        utimesSync(path, 1, timeSeconds);
      }
      return { home, shell, args: ['get', 'work'] };
    });
    return place.launchAll(homes);
  };

  it('is never answered from, wherever it was damaged', () => {
    // One kind of damage for a byte is enough: the time of the file tells.
    const stride = REPLACEMENTS.length * 2 * rounds(5, 1);
    const texts = damaged(text).filter((_damage, index) => index % stride === 7);
    expect(launchAll(texts, ['sh']).filter(({ node }) => node === null)).toEqual([]);
  });

  describe.each(SHELLS)('whose time was set back, in %s', (name, ...shell) => {
    it('is not answered from if what the launcher reads of it is not as it should be', (context) => {
      need(context, isInstalled(shell[0] ?? ''), name);
      const [first = '', second = ''] = text.split('\n');
      const ahead = Date.now() / 1000 + 1000;
      const all = damaged(text, first.length + second.length + 2);
      // All of them in all shells would take minutes.
      const stride = SHELLS.length * rounds(5, 1);
      const texts = all.filter((_damage, index) => index % stride === SHELLS_INDEX[name]);
      for (const [index, { node, stdout, stderr }] of launchAll(texts, shell, ahead).entries()) {
        const damage = texts[index] ?? expect.fail();
        expect(stderr).not.toContain('aB3');
        if (node === null) {
          // To most shells a NUL is nothing: what is left then must be the token in full.
          const seen = damage.toString('latin1');
          const line = seen.includes('\0') ? `${TOKEN}\n` : lineByNode(seen);
          expect(stdout, JSON.stringify(seen.slice(0, 90))).toBe(line);
        } else {
          expect(stdout).toBe('');
        }
      }
    });
  });
});

const SHELLS_INDEX = Object.fromEntries(SHELLS.map(([name], index) => [name, index]));

const lineByNode = (text: string): string | null => {
  const parsed = parseRecord(text);
  if (parsed.kind !== 'record') {
    return null;
  }
  const now = systemClock();
  const ask = { asked: now, force: false, noRefresh: false, minTtlMs: 0, rejected: null };
  const decision = decide(parsed.record, ask, { now, renewable: true, foreign: null });
  return decision.kind === 'serve' ? `${parsed.record.accessToken?.reveal()}\n` : null;
};
