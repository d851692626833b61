import { answerQuirks } from './answers.ts';
import { requestQuirks } from './requests.ts';
import { revocationQuirks } from './revocation.ts';

/** A way in which an authorization server departs from the RFCs, for people. */
interface Described {
  readonly words: string;
  readonly documentation: string;
}

/**
 * Every quirk by its name, as records carry it in `client.quirks`. What these first ones name is dealt
 * with for every provider, because no well-behaved one is hurt by it; their tests are in
 * `test/providers/quirks.test.ts` like those of the others, which are functions.
 */
export const quirks = {
  'refresh-revokes-access-token': {
    words:
      'A refresh kills the old access token at once, so there is no early renewal: it is renewed when it expires, and everybody waits for it.',
    documentation: 'https://docs.gitlab.com/api/oauth2/',
  },
  'errors-within-200': {
    words: 'Errors come with HTTP 200.',
    documentation:
      'https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors',
  },
  'invalid-grant-with-403': {
    words: 'A dead refresh token is answered with HTTP 403.',
    documentation: 'https://developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens/',
  },
  'aadsts-codes': {
    words:
      'The AADSTS number in an error tells whether the refresh token is dead (700082, 50173, 70008) or a person must do something (50076, 50079).',
    documentation: 'https://learn.microsoft.com/entra/identity-platform/reference-error-codes',
  },
  'refresh-omits-refresh-token': {
    words: 'A refresh may bring no new refresh token: the old one is kept.',
    documentation: 'https://developers.google.com/identity/protocols/oauth2/native-app',
  },
  'own-refresh-token-errors': {
    words: 'A dead refresh token has an error code of its own, not invalid_grant.',
    documentation: 'https://supabase.com/docs/guides/auth/debugging/error-codes',
  },
  'scope-is-an-array': {
    words: 'The scope of an answer is an array.',
    documentation: 'https://dev.twitch.tv/docs/authentication/refresh-tokens/',
  },
  'no-expires-in': {
    words:
      'Answers state no lifetime: an access token is used until it is rejected (get --rejected -).',
    documentation:
      'https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_refresh_token_flow.htm',
  },
  ...requestQuirks,
  ...answerQuirks,
  ...revocationQuirks,
} satisfies Record<string, Described>;

export type Quirk = keyof typeof quirks;

export const isQuirk = (name: string): name is Quirk => Object.hasOwn(quirks, name);
