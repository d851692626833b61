import { describe, expect, test } from 'vitest';
import { broken, FORCED, loseLogin } from './storm-story.ts';

describe('a storm’s checker finds', () => {
  test('a second use of a refresh token while its first sender lives', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        story.refresh(first);
        story.request({ refresh: first.refresh, outcome: 'reuse_detected', holder: 700 });
        story.audit({ pid: 700, verdict: 'dead', requests: 1, spent: first.refresh });
        story.fail(4, 'login required: invalid_grant', { pid: 700 });
      }),
    ).toEqual(['reuse', 'sent after its successor was saved']);
  });

  test('… or after its sender died with the next record complete', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        const second = story.rotate(first, { holder: 700 });
        story.kill(first, { next: story.sight(second) }, { pid: 700 });
        story.request({ refresh: first.refresh, outcome: 'reuse_detected', holder: 701 });
        story.audit({ pid: 701, verdict: 'dead', requests: 1, spent: first.refresh });
      }),
    ).toEqual(['reuse', 'sent after its successor was saved']);
  });

  test('… or after it was printed and lost again', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        const second = story.rotate(first, { holder: 700 });
        story.kill(first, {}, { pid: 700, printed: second.access });
        story.request({ refresh: first.refresh, outcome: 'reuse_detected', holder: 701 });
        story.audit({ pid: 701, verdict: 'dead', requests: 1, spent: first.refresh });
      }),
    ).toEqual(['printed before it was saved', 'reuse', 'sent after its successor was saved']);
  });

  test('… or after it was answered while an earlier sender had died long before', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        story.request({ refresh: first.refresh, outcome: 'fault', fault: 'reset', holder: 700 });
        story.kill(first, {}, { pid: 700 });
        story.rotate(first, { holder: 701 });
        story.audit({ pid: 701, verdict: 'unavailable', requests: 1, spent: first.refresh });
        story.wait(2_000);
        story.request({ refresh: first.refresh, outcome: 'reuse_detected', holder: 702 });
        story.audit({ pid: 702, verdict: 'dead', requests: 1, spent: first.refresh });
      }),
    ).toEqual([
      'a rotated refresh token was lost',
      'an attempt failed and nothing was wrong',
      'reuse',
    ]);
  });

  test('a refresh token that goes out a third time', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        for (const pid of [700, 701, 702]) {
          story.request({ refresh: first.refresh, outcome: 'fault', fault: 'reset', holder: pid });
          story.kill(first, {}, { pid });
        }
      }),
    ).toEqual(['sent a third time']);
  });

  test('a dead refresh token that is asked about again', () => {
    expect(
      broken((story) => {
        loseLogin(story);
        const [{ issued: first } = expect.fail()] = story.draft.grants;
        story.wait(2_000);
        story.request({ refresh: first.refresh, outcome: 'invalid_grant', holder: 901 });
        story.audit({ pid: 901, verdict: 'dead', requests: 1, spent: first.refresh });
        story.fail(4, 'login required', { pid: 901, startedAt: story.now() - 50 });
      }),
    ).toEqual(['sent although it is known to be dead']);
  });

  test('a failure that is not shared', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        story.falter(first, 'http_503', { fault: 'status', status: 503 });
        story.wait(100);
        story.falter(first, 'http_503', { fault: 'status', status: 503 });
      }),
    ).toEqual(['a failure was not shared']);
  });

  test('a failure that is not shared with one who asked by force before it was over', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        const startedAt = story.now() - 200;
        story.falter(first, 'http_503', { fault: 'status', status: 503 });
        story.refresh(first, { command: FORCED, startedAt, spawnedAt: startedAt });
      }),
    ).toEqual(['a failure was not shared']);
  });

  test('a request that nobody owns up to', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        story.refresh(first, {});
        story.wait(60_000);
        story.request({ refresh: first.refresh, outcome: 'fault', fault: 'reset', holder: null });
      }),
    ).toEqual(['request without a sender']);
  });
});
