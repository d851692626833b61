import { describe, expect, test } from 'vitest';
import { broken, FORCED, get, type Story } from './storm-story.ts';

describe('a storm’s checker finds', () => {
  test.each<[rule: string, tell: (story: Story) => void]>([
    [
      'printed a token that this login never had',
      (story) => {
        story.run({ printed: 'of nobody' });
      },
    ],
    [
      'printed a token that this login never had',
      (story) => {
        story.print(story.signIn(), { login: 'other' });
      },
    ],
    [
      'odd output',
      (story) => {
        story.run({ oddOutput: 'access-1 access-1\n' });
      },
    ],
    [
      'printed an expired token',
      (story) => {
        const first = story.signIn(1_000);
        story.wait(1_000);
        story.print(first);
      },
    ],
    [
      'printed the token that was rejected',
      (story) => {
        const first = story.signIn();
        story.print(first, { command: get({ rejected: first.access }) });
      },
    ],
    [
      'printed an old token although it was forced',
      (story) => {
        const second = story.refresh(story.signIn(0));
        story.print(second, { command: FORCED });
      },
    ],
    [
      'printed an invalidated token',
      (story) => {
        const first = story.signIn();
        story.audit({ event: 'invalidate', token: first.access });
        story.wait(1);
        story.print(first);
      },
    ],
    [
      'printed a superseded token',
      (story) => {
        const first = story.signIn(8_000);
        story.wait(7_000);
        story.refresh(first);
        story.print(first);
      },
    ],
    [
      'printed a token of a replaced login',
      (story) => {
        const first = story.signIn();
        story.signIn();
        story.print(first);
      },
    ],
    [
      'printed a token of a replaced login',
      (story) => {
        const first = story.signIn();
        story.remove();
        story.print(first, { atPrint: { kind: 'absent' } });
      },
    ],
    [
      'printed before it was saved',
      (story) => {
        const first = story.signIn(0);
        const atPrint = story.sight(first);
        story.refresh(first, { atPrint });
      },
    ],
    [
      'printed before it was saved',
      (story) => {
        story.refresh(story.signIn(0), { atPrint: { kind: 'absent' } });
      },
    ],
  ])('%s', (rule, tell) => {
    expect(broken(tell)).toEqual([rule]);
  });
});
