import fc from 'fast-check';
import { expect, it } from 'vitest';
import { extractTokens } from '../../src/oauth/granted-tokens.ts';
import { readIdToken } from '../../src/oauth/id-token.ts';
import { judge } from '../../src/oauth/judge.ts';
import { redactor } from '../../src/oauth/redact.ts';
import { Secret } from '../../src/secret.ts';
import { expectNoSecret, hostileMembers, inputs, PLANTED, PLANTED_ODD } from '../support/fuzz.ts';
import { CLIENT } from './client.ts';

const SENT = [new Secret(PLANTED), new Secret(PLANTED_ODD)];
const MEMBERS = ['access_token', 'refresh_token', 'token_type', 'expires_in', 'scope'];
const CLAIMS = ['iss', 'aud', 'exp', 'iat', 'sub', 'nbf', 'azp', 'auth_time', 'nonce'];

const encoded = (part: unknown) => Buffer.from(text(part)).toString('base64url');
const idToken = fc.oneof(
  fc
    .tuple(hostileMembers(['alg', 'typ', 'kid']), hostileMembers(CLAIMS), fc.string())
    .map((parts) => parts.map(encoded).join('.')),
  fc.array(fc.base64String(), { maxLength: 6 }).map((parts) => parts.join('.')),
  fc.constantFrom('..', 'e30.e30.', `e30.${PLANTED}.x`, `${'W10'.repeat(2000)}.e30.x`),
);

it('a successful answer is judged without an exception and without a secret, whatever is in it', async () => {
  const answers = fc.tuple(hostileMembers(MEMBERS), idToken);
  await fc.assert(
    fc.asyncProperty(answers, fc.boolean(), async ([members, id_token], known) => {
      const extracted = extractTokens({ ...members, id_token }, redactor(SENT));
      const client = { ...CLIENT, issuer: known ? 'https://id.example.com' : null };
      const { problems, ...usable } = await judge(extracted, client, SENT);
      expectNoSecret(problems);
      expect(problems.join().length).toBeLessThan(2500);
      expect(usable.accessTokenUsable && extracted.tokens.accessToken === null).toBe(false);
    }),
    inputs('granted tokens'),
  );
});

it('an id token is read without an exception, and its expiry is a date', async () => {
  await fc.assert(
    fc.asyncProperty(idToken, async (token) => {
      const { expiresAt = null } = (await readIdToken(new Secret(token))) ?? {};
      expect(new Date((expiresAt ?? 0) * 1000).getTime()).not.toBeNaN();
    }),
    inputs('granted tokens'),
  );
});

function text(value: unknown): string {
  try {
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  } catch {
    return '';
  }
}
