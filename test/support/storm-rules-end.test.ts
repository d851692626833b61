import { describe, expect, test } from 'vitest';
import { broken, get, type Story } from './storm-story.ts';

describe('a storm’s checker finds', () => {
  const late = 'not now: the access token was rejected right after it was issued';

  test.each<[rule: string, tell: (story: Story) => void]>([
    [
      'a file was left behind',
      (story) => {
        story.draft.strayFiles.push('credentials/work.lock');
      },
    ],
    [
      'a login does not work although all is calm',
      (story) => {
        story.run({ command: get({ rejected: 'any' }), printed: null, code: 5, stderr: late });
        story.fail(5, late, { phase: 'end-plain' });
      },
    ],
    [
      'a login cannot be refreshed although all is calm',
      (story) => {
        story.run({ command: get({ rejected: 'any' }), printed: null, code: 5, stderr: late });
        story.fail(5, late, { phase: 'end-force' });
      },
    ],
    [
      'a login does not work although it is new',
      (story) => {
        story.remove();
        story.fail(3, 'there is no login named work', { phase: 'mended' });
      },
    ],
  ])('%s', (rule, tell) => {
    expect(broken(tell)).toEqual([rule]);
  });
});
