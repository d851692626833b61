import { describe, expect, test } from 'vitest';
import { broken, excuses, FORCED, get, loseLogin, type Story } from './storm-story.ts';

describe('a storm’s checker permits', () => {
  test('a quiet life: sign in, read, refresh when due, read', () => {
    expect(
      broken((story) => {
        const first = story.signIn();
        story.print(first);
        story.wait(8_000);
        const second = story.refresh(first);
        story.print(second);
        story.print(second, { phase: 'end-plain' });
      }),
    ).toEqual([]);
  });

  test('a sender killed between rotation and saved record costs the login, and a person signs in again', () => {
    const tell = (story: Story) => {
      loseLogin(story);
      story.print(story.signIn());
    };
    expect(broken(tell)).toEqual([]);
    expect(excuses(tell)).toEqual(['killed']);
  });

  test('a sender killed before the server rotated costs one more request', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        story.request({ refresh: first.refresh, outcome: 'fault', fault: 'reset', holder: 700 });
        story.kill(first, {}, { pid: 700 });
        story.print(story.refresh(first));
      }),
    ).toEqual([]);
  });

  test('a record that a dead sender had completed is adopted', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        const second = story.rotate(first, { holder: 700 });
        story.kill(first, { next: story.sight(second) }, { pid: 700 });
        story.print(second);
      }),
    ).toEqual([]);
  });

  test('an answer that an injected fault or an outage swallowed costs the login', () => {
    expect(
      excuses((story) => {
        const first = story.signIn(0);
        story.rotate(first, { fault: 'reset', status: null });
        story.request({ refresh: first.refresh, outcome: 'reuse_detected' });
      }),
    ).toEqual(['fault']);
    expect(
      excuses((story) => {
        const first = story.signIn(0);
        const { at } = story.rotate(first, { status: null });
        story.outage({ from: at + 1, to: at + 500 });
        story.request({ refresh: first.refresh, outcome: 'reuse_detected' });
      }),
    ).toEqual(['outage']);
  });

  test('a dead sender’s request may come after the re-send that was made for it', () => {
    expect(
      excuses((story) => {
        const first = story.signIn(0);
        story.kill(first);
        story.refresh(first);
        story.request({ refresh: first.refresh, outcome: 'reuse_detected' });
      }),
    ).toEqual(['late']);
  });

  test('a failure is shared, and tried again later', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        story.falter(first, 'http_503', { fault: 'status', status: 503 });
        story.fail(5, 'not now: http_503 (try later)');
        story.wait(1_000);
        story.refresh(first);
      }),
    ).toEqual([]);
  });

  test('a sender may be killed between two requests of its attempt', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        story.request({
          ...{
            refresh: first.refresh,
            outcome: 'fault',
            fault: 'status',
            status: 502,
            holder: 700,
          },
        });
        story.kill(first, { gate: null }, { pid: 700 });
        story.refresh(first);
      }),
    ).toEqual([]);
  });

  test('a failure may be told to the others by one that was killed before it told the audit', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        story.outage({ from: story.now(), to: story.now() + 500 });
        story.kill(first, { gate: null, noted: true });
        story.fail(5, 'not now: ECONNREFUSED (try later)');
      }),
    ).toEqual([]);
  });

  test('no network at all', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        story.outage({ from: story.now(), to: story.now() + 500 });
        story.audit({
          pid: 700,
          verdict: 'unavailable',
          error: 'ECONNREFUSED',
          spent: first.refresh,
        });
        story.fail(5, 'not now: ECONNREFUSED', { pid: 700, startedAt: story.now() - 1 });
      }),
    ).toEqual([]);
  });

  test('after two deaths a refresh token rests, or goes out by force', () => {
    expect(
      broken((story) => {
        const first = story.signIn(0);
        for (const pid of [700, 701]) {
          story.request({ refresh: first.refresh, outcome: 'fault', fault: 'reset', holder: pid });
          story.kill(first, {}, { pid });
        }
        story.fail(5, 'not now: the refresh token went out twice, its senders died, and …');
        story.refresh(first, { command: FORCED });
      }),
    ).toEqual([]);
  });

  test('a rejected token, an invalidated one, and force cause a refresh before it is due', () => {
    expect(
      broken((story) => {
        const first = story.signIn();
        const second = story.refresh(first, { command: get({ rejected: first.access }) });
        story.run({ command: { kind: 'invalidate', token: null, timeoutMs: 30_000 } });
        const third = story.refresh(second);
        story.refresh(third, { command: FORCED });
      }),
    ).toEqual([]);
  });

  test('a removed login is gone, and comes back by an import', () => {
    expect(
      broken((story) => {
        story.signIn();
        story.remove();
        story.fail(3, 'there is no login named work');
        story.print(story.signIn());
      }),
    ).toEqual([]);
  });

  test('a short wait is over, or a long one for a holder that was stopped', () => {
    const waits = 'timed out waiting for process 700, which is refreshing';
    expect(
      broken((story) => {
        story.print(story.signIn(), {
          pid: 700,
          endedAt: story.now() + 40_000,
          signals: [
            { signal: 'SIGSTOP', at: story.now() + 10 },
            { signal: 'SIGCONT', at: story.now() + 39_000 },
          ],
        });
        const startedAt = story.now() - 39_500;
        story.fail(5, waits, { startedAt, command: get({ timeoutMs: 1_000 }) });
        story.fail(5, waits, { startedAt });
      }),
    ).toEqual([]);
  });

  test('an end by a signal that was sent, and an import that another one replaced', () => {
    expect(
      broken((story) => {
        const startedAt = story.now();
        story.signIn();
        story.signIn(1_000, { code: 6, startedAt, stderr: 'but something else was read back' });
        const signals = [{ signal: 'SIGTERM', at: story.now() } as const];
        story.run({ code: null, signal: 'SIGTERM', signals });
      }),
    ).toEqual([]);
  });
});
