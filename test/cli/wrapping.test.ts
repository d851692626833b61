import { describe, expect, test } from 'vitest';
import { ownExitCode, splitArguments } from '../../src/cli/wrapping.ts';

describe('what is behind --', () => {
  test('belongs to the other program', () => {
    expect(splitArguments(['exec', 'work', '--json', '--', 'gh', '--json', '--', 'x'])).toEqual({
      own: ['exec', 'work', '--json'],
      behind: ['gh', '--json', '--', 'x'],
    });
    expect(splitArguments(['--debug', 'exec', 'work', '--', 'gh']).behind).toEqual(['gh']);
    expect(splitArguments(['exec', '--']).behind).toEqual([]);
  });

  test('is ours, or absent, for every other command', () => {
    expect(splitArguments(['get', '--', 'work'])).toEqual({
      own: ['get', '--', 'work'],
      behind: null,
    });
    expect(splitArguments(['exec', 'work'])).toEqual({ own: ['exec', 'work'], behind: null });
  });
});

describe('our own failure', () => {
  test('is 125, whatever it is, where the exit code is another program’s', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((code) => ownExitCode(['exec', 'x'], code))).toEqual(
      Array(8).fill(125),
    );
    expect(ownExitCode(['--debug', 'curl'], 2)).toBe(125);
  });

  test('keeps its own code elsewhere, and success is success', () => {
    expect(ownExitCode(['get', 'exec'], 3)).toBe(3);
    expect(ownExitCode(['exec', '--help'], 0)).toBe(0);
  });
});
