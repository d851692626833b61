import { describe, expect, test } from 'vitest';
import { broken, loseLogin, type Story } from './storm-story.ts';

describe('a storm’s checker finds', () => {
  const waits = 'timed out waiting for process 700, which is refreshing';

  test.each<[rule: string, tell: (story: Story) => void]>([
    ['did not end', (story) => story.run({ hung: true })],
    [
      'ended by a SIGTERM that nobody sent',
      (story) => story.run({ code: null, signal: 'SIGTERM' }),
    ],
    ['exit 0 without a token', (story) => story.run()],
    ['exit 1', (story) => story.fail(1, 'internal error')],
    ['exit 2', (story) => story.fail(2, 'usage')],
    [
      'exit 3 without a removal',
      (story) => {
        story.signIn();
        story.fail(3, 'there is no login named work');
      },
    ],
    [
      'exit 3 without a removal',
      (story) => {
        story.remove();
        story.signIn();
        story.fail(3, 'there is no login named work');
      },
    ],
    [
      'exit 4 without a permitted loss or a revocation',
      (story) => {
        story.signIn();
        story.fail(4, 'login required: invalid_grant');
      },
    ],
    [
      'exit 4 without a permitted loss or a revocation',
      (story) => {
        loseLogin(story);
        story.signIn();
        story.fail(4, 'login required: invalid_grant');
      },
    ],
    ['exit 5 before its time was over', (story) => story.fail(5, waits)],
    [
      'exit 5 waiting for a holder that nothing held up',
      (story) => {
        story.print(story.signIn(90_000), { pid: 700, endedAt: story.now() + 40_000 });
        story.fail(5, waits, { startedAt: story.now() - 40_000 });
      },
    ],
    [
      'exit 5 for two deaths that did not happen',
      (story) => {
        story.kill(story.signIn());
        story.fail(5, 'not now: the refresh token went out twice');
      },
    ],
    [
      'exit 5 for a rejection that did not happen',
      (story) => story.fail(5, 'not now: the access token was rejected right after it was issued'),
    ],
    [
      'exit 5 for a failure (http_503) that did not happen',
      (story) => story.fail(5, 'not now: http_503 (try later)'),
    ],
    [
      'exit 5 for a failure (http_503) that did not happen',
      (story) => {
        const first = story.signIn(0);
        story.falter(first, 'http_503', { fault: 'status', status: 503 });
        story.wait(61_000);
        story.fail(5, 'not now: http_503 (try later)');
      },
    ],
    ['exit 6 without a cause', (story) => story.fail(6, 'refused')],
    [
      'exit 6 without a cause',
      (story) => story.signIn(0, { code: 6, stderr: 'but something else was read back' }),
    ],
    ['exit 7', (story) => story.fail(7, 'paused')],
    ['exit 8', (story) => story.fail(8, 'could not be saved')],
  ])('%s', (rule, tell) => {
    expect(broken(tell)).toEqual([rule]);
  });
});
