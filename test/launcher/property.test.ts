import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Credential } from '../../src/credential.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { rounds } from '../support/login.ts';
import { createPlace, isInstalled, SHELLS } from './driver.ts';
import { argsOf, arrange, isClear, lineOf, type Situation, situations } from './situations.ts';

/**
 * Records as Node.js wrote them, of any age by either clock, of this boot and of others; asked for
 * under any name, with any options, in every shell.
 */
it('answers nothing that Node.js would not, and whatever is clear', async () => {
  const place = createPlace();
  const shells = SHELLS.filter(([, command = '']) => isInstalled(command));
  const cases = fc.sample(situations, rounds(200, 2000));
  const saved: Credential[] = [];
  const launches = [];
  for (const [index, situation] of cases.entries()) {
    const home = join(place.directory, String(index));
    saved.push(await arrange(home, situation));
    const [, ...shell] = shells[index % shells.length] ?? [];
    // yash takes no argument that is not text in its locale.
    launches.push({ home, shell, args: argsOf(situation), env: { LC_ALL: 'C.UTF-8' } });
  }
  const before = systemClock();
  const launched = place.launchAll(launches);
  const after = systemClock();
  const counts = { answered: 0, clear: 0 };
  for (const [index, situation] of cases.entries()) {
    const record = saved[index] ?? expect.fail();
    const { node, ...outcome } = launched[index] ?? expect.fail();
    const about = { index, shell: launches[index]?.shell, ...aboutIt(situation, record) };
    if (node !== null) {
      expect({ ...outcome, about }).toEqual({ code: 0, stdout: '', stderr: '', about });
      expect(node.args.slice(1), `${index}`).toEqual(
        argsOf(situation).flatMap((word) => word.split('\n')),
      );
    } else {
      counts.answered += 1;
      const stdout = lineOf(situation, record, before) ?? lineOf(situation, record, after);
      expect({ ...outcome, about }).toEqual({ code: 0, stdout, stderr: '', about });
    }
    if (isClear(situation, record)) {
      counts.clear += 1;
      expect(node === null, `asked Node.js: ${JSON.stringify(about)}`).toBe(true);
    }
  }
  // Generated ones are seldom simple; a launcher that left all to Node.js would be seen in any of these.
  expect(counts.clear).toBeGreaterThan(0);
  expect(counts.answered).toBeGreaterThanOrEqual(counts.clear);
});

const aboutIt = (situation: Situation, record: Credential) => ({
  args: argsOf(situation),
  boot: situation.boot,
  issued: record.issued,
  lifetime: record.lifetime,
  state: record.state.kind,
});
