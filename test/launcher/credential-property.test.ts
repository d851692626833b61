import { rmSync, utimesSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it, onTestFinished, vi } from 'vitest';
import { answerRequest } from '../../src/cli/credential-answer.ts';
import { findPaths } from '../../src/paths.ts';
import { protocols } from '../../src/protocols/protocols.ts';
import { Secret } from '../../src/secret.ts';
import { keepAnswer } from '../../src/store/answers.ts';
import { rounds } from '../support/login.ts';
import { credentialOf } from '../support/records.ts';
import { ago, createPlace, isInstalled, SHELLS } from './driver.ts';

const LOGINS = ['one', 'two', 'three'];

/** What happens between two requests. */
type Change =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'remove'; readonly login: string }
  | {
      readonly kind: 'save';
      readonly login: string;
      readonly hosts: readonly string[];
      readonly age: number;
      readonly rejected: boolean;
      readonly token: string;
    };

const hosts = fc.subarray(
  [
    'a.example.com',
    'b.example.com',
    'a.example.com/acme',
    'alice@a.example.com',
    'b.example.com:8443',
  ],
  { maxLength: 2 },
);

const changes: fc.Arbitrary<Change> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Change>({ kind: 'nothing' }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('remove' as const),
      login: fc.constantFrom(...LOGINS),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('save' as const),
      login: fc.constantFrom(...LOGINS),
      hosts,
      age: fc.constantFrom(100, 100, 100, 2000, 2800),
      rejected: fc.constantFrom(false, false, false, true),
      token: fc.stringMatching(/^[A-Za-z0-9._~+/=:@%,!-]{1,20}$/),
    }),
  },
);

const requests = fc.oneof(
  fc
    .record({
      host: fc.constantFrom(
        'a.example.com',
        'b.example.com',
        'A.example.com',
        'b.example.com:8443',
      ),
      more: fc.subarray(['path=acme/app.git', 'username=alice', 'capability[]=authtype']),
    })
    .map(({ host, more }) => ({
      kind: 'git',
      input: ['protocol=https', `host=${host}`, ...more, ''].join('\n'),
    })),
  fc
    .constantFrom('a.example.com', 'b.example.com:8443', 'https://a.example.com/acme')
    .map((input) => ({ kind: 'docker', input })),
);

/** Logins come, go and change their hosts; between that, the same requests come again and again. */
it('answers no request otherwise than Node.js would, whatever has happened since', async () => {
  // yash leaves all of them to Node.js.
  const shells = SHELLS.filter(([, shell = '']) => shell !== 'yash' && isInstalled(shell));
  const place = createPlace();
  vi.stubEnv('TOKENCTL_HOME', place.home);
  // Why there is no answer is said each time.
  const { write } = process.stderr;
  process.stderr.write = () => true;
  onTestFinished(() => {
    process.stderr.write = write;
    vi.unstubAllEnvs();
  });
  const steps = fc.sample(fc.tuple(changes, requests), rounds(250, 2500));
  let generation = 0;
  let repeated = 0;
  /** Logins with a token that the launcher has no reason to leave to Node.js. */
  const clear = new Map<string, boolean>();
  for (const [index, [change, { kind, input }]] of steps.entries()) {
    if (change.kind === 'remove') {
      rmSync(place.recordPath(change.login), { force: true });
    } else if (change.kind === 'save') {
      const { login, age, token, ...members } = change;
      generation += 1;
      const accessToken = new Secret(token);
      // Nothing to renew it with: what Node.js does then depends on nobody else.
      const renewal = { refreshToken: null, generation, issued: ago(age) };
      const record = credentialOf({ ...members, ...renewal, accessToken, recordId: login });
      await place.save(record, login);
      utimesSync(place.anchorPath, 1, Date.now() / 1000 - 7200);
      clear.set(login, age < 2700 && !token.startsWith('-'));
    }
    const operation = protocols[kind]?.operations.get ?? expect.fail();
    const answerNow = () =>
      answerRequest(operation.read(input), { login: undefined, idToken: false }).catch(() => null);
    const launch = (at: number) => {
      const [, ...shell] = shells[at % shells.length] ?? [];
      return place.launch({ args: ['credential', kind, 'get'], input, shell });
    };
    const { node, ...said } = launch(index);
    const answer = await answerNow();
    if (node === null) {
      expect({ index, ...said }).toEqual({ index, code: 0, stdout: answer?.stdout, stderr: '' });
    }
    if (answer?.kept !== undefined) {
      keepAnswer(findPaths(), { ...answer.kept, request: input, args: [kind, 'get'] });
      const { node: asked, ...again } = launch(index + 1);
      expect({ index, asked: asked !== null, ...again }).toEqual(
        // What has a path cannot be the name of a file.
        clear.get(answer.kept.login) && !input.includes('//')
          ? { index, asked: false, code: 0, stdout: answer.stdout, stderr: '' }
          : { index, asked: true, code: 0, stdout: '', stderr: '' },
      );
      repeated += asked === null ? 1 : 0;
    }
  }
  expect(repeated).toBeGreaterThan(20);
});
