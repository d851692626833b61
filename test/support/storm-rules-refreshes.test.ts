import { describe, expect, test } from 'vitest';
import { broken, FORCED } from './storm-story.ts';

describe('a storm’s checker finds', () => {
  test('two for one expiry', () => {
    expect(
      broken((story) => {
        const second = story.refresh(story.signIn(0));
        story.refresh(second);
      }),
    ).toEqual(['refreshed without need']);
  });

  test('one by force, although another was sent since it asked', () => {
    expect(
      broken((story) => {
        const startedAt = story.now();
        const second = story.refresh(story.signIn(0));
        story.refresh(second, { command: FORCED, startedAt, spawnedAt: startedAt });
      }),
    ).toEqual(['refreshed without need']);
  });

  test('one whose token is never seen again, although nobody died and nothing was wrong', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        story.rotate(first, { holder: 700 });
        story.audit({
          pid: 700,
          verdict: 'unavailable',
          error: 'ETIMEDOUT',
          requests: 1,
          spent: first.refresh,
        });
        story.run({
          pid: 700,
          startedAt: story.now() - 100,
          code: 5,
          stderr: 'x: not now: ETIMEDOUT',
        });
      }),
    ).toEqual(['a rotated refresh token was lost', 'an attempt failed and nothing was wrong']);
  });
});
