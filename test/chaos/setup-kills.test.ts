import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { need } from '../support/need.ts';
import { createSetupUser } from '../support/setup-user.ts';
import { canTrace, runTraced } from '../support/strace.ts';
import type { Call } from '../support/strace-log.ts';

/** Every how many steps one is tried. */
const STRIDE = Number(process.env.TOKENCTL_CHAOS_STEP ?? 1);
const HOST = 'git.example.com';

/** With a file that is there and takes a lock file, and with one that has to be made, and its directory. */
const CASES = [
  ['git', '.gitconfig', '[user]\n\tname = x'],
  ['docker', '.docker/config.json', null],
] as const;

type User = Awaited<ReturnType<typeof createSetupUser>>;

test.for(CASES)(
  'setup %s and its undo, killed at any system call that changes something, can be undone',
  async ([tool, name, text], context) => {
    need(context, await canTrace(), 'strace(1), and leave to attach it to a process');
    const user = await createSetupUser(HOST);
    const file = join(user.user, name);
    const reset = (): void => {
      rmSync(user.setupRecord, { force: true });
      rmSync(user.user, { recursive: true });
      mkdirSync(user.user);
      if (text !== null) {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
      }
    };
    const fates = { before: 0, between: 0, after: 0 };
    for (const args of [
      ['setup', tool],
      ['setup', tool, '--undo'],
    ]) {
      const isUndo = args.includes('--undo');
      const prepare = async (): Promise<void> => {
        reset();
        if (isUndo) {
          expect((await user.setup(tool)).exitCode).toBe(0);
        }
      };
      await prepare();
      const steps = stepsOf(user, (await runTraced(user, args, undefined, user)).calls);
      expect(steps.some(({ name: call }) => call.startsWith('rename'))).toBe(true);
      for (const step of steps.filter((_, index) => index % STRIDE === 0)) {
        reset();
        const untouched = user.snapshot();
        await prepare();
        const at = `${args.join(' ')}, killed at ${step.text}`;
        const start = user.snapshot();
        await runTraced(
          user,
          args,
          {
            thread: step.thread,
            injections: [{ name: step.name, effect: 'signal=KILL', when: `${step.nth}` }],
          },
          user,
        );
        const now = user.snapshot();
        const isBefore = JSON.stringify(now) === JSON.stringify(start);
        const content = contentOf(file);
        // Never a part of it.
        expect(content === text || content === null || content?.includes('tokenctl'), at).toBe(
          true,
        );
        const again = await user.setup(tool, '--undo');
        expect([again.exitCode, user.snapshot()], at).toEqual([0, untouched]);
        fates[isBefore ? 'before' : again.stdout.includes('nothing') ? 'after' : 'between'] += 1;
        const anew = await user.setup(tool);
        expect([anew.exitCode, anew.stdout], at).toEqual([
          0,
          expect.stringContaining('from now on'),
        ]);
      }
    }
    console.log(`setup ${tool}, every ${STRIDE} steps: ${JSON.stringify(fates)}`);
    // A sweep that met no state but one proves nothing.
    expect(Math.min(fates.before, fates.between)).toBeGreaterThan(0);
  },
);

const CHANGING = /^(?:write|pwrite64|fsync|rename|link|unlink|mkdir|rmdir|chmod|fchmod|ftruncate)/;

/** What changes a file of this person, or of tokenctl. */
const stepsOf = ({ user }: User, calls: readonly Call[]): Call[] =>
  calls.filter(
    ({ name, text }) =>
      text.includes(dirname(user)) &&
      (CHANGING.test(name) || (name.startsWith('open') && text.includes('O_CREAT'))),
  );

const contentOf = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};
