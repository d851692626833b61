import { describe, expect, test } from 'vitest';
import { broken, type Story } from './storm-story.ts';

describe('a storm’s checker finds', () => {
  test.each<[rule: string, tell: (story: Story) => void]>([
    [
      'a torn record was read',
      (story) => {
        story.draft.reads = { count: 2, torn: ['work: not a JSON object'] };
      },
    ],
    [
      'a torn record was read',
      (story) => {
        story.kill(story.signIn(), { record: { kind: 'torn', what: 'empty' } });
      },
    ],
    [
      'a token in the wrong place',
      (story) => {
        story.draft.leaks.push('stderr of get 101');
      },
    ],
    [
      'a lease was taken from the living',
      (story) => {
        const { pid } = story.print(story.signIn(), { endedAt: story.now() + 10_000 });
        story.audit({
          event: 'takeover',
          from: `${pid}.1.0123456789ab.1-2.0123456789abcdef`,
          at: story.now() - 5_000,
        });
      },
    ],
    ['a lease was lost', (story) => story.audit({ event: 'lease_lost' })],
    [
      'the audit tells of a refresh that the server did not see',
      (story) => {
        story.audit({ verdict: 'refreshed', spent: story.signIn().refresh, issued: 'unheard of' });
      },
    ],
    [
      'a refresh token was called dead that the server had not refused',
      (story) => {
        story.audit({ verdict: 'dead', spent: story.signIn().refresh });
      },
    ],
    [
      'an attempt failed and nothing was wrong',
      (story) => story.falter(story.signIn(0), 'ECONNRESET', { fault: 'slow-body' }),
    ],
    [
      'an attempt failed and nothing was wrong',
      (story) => story.falter(story.signIn(0), 'http_503', { fault: 'html', status: 502 }),
    ],
    [
      'an attempt ended with configuration',
      (story) => story.audit({ verdict: 'configuration', spent: story.signIn().refresh }),
    ],
  ])('%s', (rule, tell) => {
    expect(broken(tell)).toEqual([rule]);
  });
});
