import { Command } from 'commander';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { command } from '../../src/cli/commands/exec.ts';
import { EXEC_DEFAULTS, EXEC_OPTIONS, parseExecArguments } from '../../src/cli/exec-options.ts';

describe('the arguments of an exec, read without commander', () => {
  it('are names and options, in any order', () => {
    expect(parseExecArguments(['work'])).toEqual({ names: ['work'], options: EXEC_DEFAULTS });
    expect(
      parseExecArguments([
        '--env',
        'A',
        'work',
        '--json',
        'other',
        '--env',
        'other=B',
        '--file',
        'F',
      ]),
    ).toEqual({
      names: ['work', 'other'],
      options: { env: ['A', 'other=B'], file: ['F'], timeout: '30s', json: true },
    });
  });

  it.each([
    [[]],
    [['--env', 'T']],
    [['work', '--help']],
    [['work', '--env']],
    [['work', '--env', '--json']],
    [['work', '--env=T']],
    [['work', '--toString']],
    [['work', '-']],
  ])('are left to commander otherwise: %j', (args) => {
    expect(parseExecArguments(args)).toBeNull();
  });

  it('mean what they mean to commander', async () => {
    const words = fc.constantFrom(
      ...Object.keys(EXEC_OPTIONS),
      ...['work', 'other', '', '-', '10m', 'T', 'work=T', '--env=T', '-h', '--x', '-e'],
    );
    let plainly = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(words, { maxLength: 7 }), async (args) => {
        const plain = parseExecArguments(args);
        if (plain !== null) {
          plainly += 1;
          expect(await byCommander(args)).toEqual(plain);
        }
      }),
      { numRuns: 3000 },
    );
    expect(plainly).toBeGreaterThan(100);
  });
});

async function byCommander(args: readonly string[]) {
  let seen: unknown = null;
  const exec = command([])
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action((names: readonly string[], options: object) => {
      seen = { names, options: { ...EXEC_DEFAULTS, ...options } };
    });
  await new Command('tokenctl').addCommand(exec).parseAsync(['exec', ...args], { from: 'user' });
  return seen;
}
