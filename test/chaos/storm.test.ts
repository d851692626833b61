import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { need } from '../support/need.ts';
import { report } from '../support/storm-report.ts';
import { runStorm } from '../support/storm-run.ts';
import { judgeHistory } from '../support/storm-verdict.ts';

/**
 * Real processes by the thousand, against a strict authorization server, in bursts, while they are
 * killed, stopped and signalled, and the network and the provider fail; then a checker that replays
 * what the server, the audit and the processes tell, and knows no excuse but the permitted ones.
 *
 * The seed decides what is done; what comes of it is also the scheduler's doing. So the same seed
 * gives the same storm, but not the same raindrops: a failure may need some tries to come again.
 */

/** Some minutes' worth: two cores start ten to twenty processes a second. */
const PROCESSES = Number(process.env.TOKENCTL_STORM_PROCESSES ?? 2_000);
const SEED = process.env.TOKENCTL_STORM_SEED ?? String(Math.floor(Math.random() * 1e9));
/** On a slow machine, and with the calm after it. */
const TIMEOUT_MS = 5 * 60_000 + PROCESSES * 600;
const MOST_SHOWN = 10;

test('a storm leaves no failure unexplained', { timeout: TIMEOUT_MS }, async (context) => {
  need(context, process.platform === 'linux', 'procfs, to see that a process has stopped');
  console.log(`storm of ${PROCESSES} processes, seed ${SEED}`);
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-storm-'));
  try {
    const history = await runStorm({
      seed: SEED,
      processes: PROCESSES,
      node: process.env.TOKENCTL_TEST_NODE ?? process.execPath,
      bin: resolve(import.meta.dirname, '../../bin/tokenctl.js'),
      directory,
    });
    const verdict = judgeHistory(history);
    console.log(report(history, verdict));
    if (verdict.violations.length > 0) {
      const kept = join(tmpdir(), `tokenctl-storm-${SEED}.json`);
      writeFileSync(kept, JSON.stringify({ ...verdict, history }, null, 1));
      console.log(
        [
          `Again: TOKENCTL_STORM_SEED=${SEED} TOKENCTL_STORM_PROCESSES=${PROCESSES} npm run chaos -- test/chaos/storm.test.ts`,
          `The whole history: ${kept}`,
          ...verdict.violations.slice(0, MOST_SHOWN).map((each) => JSON.stringify(each)),
        ].join('\n'),
      );
    }
    expect(verdict.violations.map(({ rule }) => rule)).toEqual([]);
    // A storm in which hardly anybody dies, or nobody at the token endpoint, proves nothing.
    const killed = history.processes.filter(({ signal }) => signal === 'SIGKILL');
    expect(killed.length).toBeGreaterThan(PROCESSES / 20);
    expect(killed.filter(({ autopsy }) => autopsy?.gate != null).length).toBeGreaterThan(0);
    expect(history.requests.length).toBeGreaterThan(PROCESSES / 50);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
