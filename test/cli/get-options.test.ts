import { Command } from 'commander';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { command } from '../../src/cli/commands/get.ts';
import { GET_OPTIONS, parseGetArguments } from '../../src/cli/get-options.ts';

describe('the arguments of a get, read without commander', () => {
  it('are a name and options, in any order', () => {
    expect(parseGetArguments(['work'])).toEqual({
      name: 'work',
      options: { refresh: true, timeout: '30s' },
    });
    expect(parseGetArguments(['--json', '--min-ttl', '10m', 'work', '--no-refresh'])).toEqual({
      name: 'work',
      options: { refresh: false, timeout: '30s', json: true, minTtl: '10m' },
    });
    expect(parseGetArguments(['work', '--rejected', '-'])?.options.rejected).toBe('-');
  });

  it.each([
    [[]],
    [['a', 'b']],
    [['']],
    [['work', '--help']],
    [['work', '-h']],
    [['work', '--jso']],
    [['work', '--min-ttl']],
    [['work', '--min-ttl', '--json']],
    [['work', '--min-ttl=10m']],
    [['--', 'work']],
    [['work', '--constructor']],
    [['work', '--toString']],
  ])('are left to commander otherwise: %j', (args) => {
    expect(parseGetArguments(args)).toBeNull();
  });

  it('mean what they mean to commander', async () => {
    const words = fc.constantFrom(
      ...Object.keys(GET_OPTIONS),
      ...['work', 'other', '-', '10m', '--', '--min-ttl=5m', '-h', '--x', '-j', ''],
    );
    await fc.assert(
      fc.asyncProperty(fc.array(words, { maxLength: 6 }), async (args) => {
        const plain = parseGetArguments(args);
        if (plain !== null) {
          expect(await byCommander(args)).toEqual(plain);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

async function byCommander(args: readonly string[]) {
  let seen: unknown = null;
  const get = command()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action((name: string, options: object) => {
      seen = { name, options };
    });
  await new Command('tokenctl').addCommand(get).parseAsync(['get', ...args], { from: 'user' });
  return seen;
}
