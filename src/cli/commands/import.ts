import { Command } from 'commander';
import { readConfig } from '../../config.ts';
import { type Credential, expiresAtMs } from '../../credential.ts';
import { TokenctlError } from '../../errors.ts';
import type { Providers } from '../../import-credential.ts';
import { importTokens } from '../../import-tokens.ts';
import { knownProviders } from '../../user-providers.ts';
import { formatDuration, parseDuration } from '../duration.ts';
import { type FromOptions, KINDS, type TakenFrom, takeFrom } from '../import-from.ts';
import { print, readStdin, say } from '../io.ts';
import { openLogin } from '../manager.ts';
import { PLACE_NAMES, parsePlace, reportLeftovers } from '../place.ts';
import { reportWarnings } from '../report.ts';

export const command = (): Command =>
  new Command('import')
    .summary('take over tokens: JSON on stdin')
    .description(
      'Take over a login from a token response (RFC 6749 section 5.1) on stdin, plus where it belongs: ' +
        'provider, or token_endpoint and client_id. What was held under this name is replaced. ' +
        'With --from, out of a file of another program, which is only read.',
    )
    .argument('<NAME>', 'the login: letters, digits and . _ @ -')
    .argument('[FILE]', 'with --from: the file, - for stdin; else where that program keeps it')
    .option('--from <KIND>', `what kind of file: ${KINDS.join(', ')}`)
    .option('--account <ACCOUNT>', 'with --from: whose, if there are several')
    .option('--host <HOST>', 'with --from: at which host, if there are several')
    .option('--provider <NAME>', 'with --from: whose they are, if the file does not say')
    .option(
      '--token-endpoint <URL>',
      'with --from: where they are renewed, if the file does not say',
    )
    .option(
      '--client-id <ID>',
      'with --from: of which client, if the file does not say, or has several',
    )
    .option('--store <PLACE>', `where to keep the refresh token: ${PLACE_NAMES}`)
    .option('--json', 'print what was taken over as JSON')
    .option('--timeout <DURATION>', 'how long to wait for others', '30s')
    .addHelpText('after', HELP)
    .action(run);

const HELP = `
Members: access_token, refresh_token, expires_in or expires_at, token_type, scope, id_token,
  provider (and variables) or token_endpoint, revocation_endpoint, issuer, client_id, client_secret,
  token_endpoint_auth_method, hosts.

Once taken over, the refresh token is tokenctl's alone: another program that still uses it
trips the provider's reuse detection and loses the login for both.

Examples:
  tokenctl import work < tokens.json
  tokenctl import work --store keychain < tokens.json
  jq '. + {token_endpoint: "https://id.example.com/token", client_id: "cli"}' response.json |
    tokenctl import work
  tokenctl import hub --from gh --host github.com --account alice
  tokenctl import work --from oauth2-token session.json --provider gitlab --client-id cli`;

interface Options extends FromOptions {
  readonly from?: string;
  readonly store?: string;
  readonly json?: true;
  readonly timeout: string;
}

const run = async (name: string, file: string | undefined, options: Options): Promise<void> => {
  const place = options.store === undefined ? undefined : parsePlace(options.store, '--store');
  const { store } = openLogin(name);
  const timeoutMs = parseDuration(options.timeout, '--timeout');
  const taken = await takenFrom(file, options);
  const tokens = taken?.members ?? parseJson(await readStdin('Paste the JSON'));
  if (taken !== null) {
    say(`${taken.said}\n`);
  }
  // Asked only where it has a say: which providers there are, and where a new login is kept.
  const named = namesProvider(tokens);
  const isAsked = named || (place === undefined && (await store.read()) === null);
  const config = isAsked ? await readConfig() : null;
  const known = named && config !== null ? knownProviders(config) : undefined;
  const usualPlace = config?.defaults.store;
  const record = await importTokens(store, tokens, timeoutMs, { known, place, usualPlace });
  reportLeftovers(name, record);
  if (taken !== null) {
    reportWarnings(name, warningsFor(record, taken, known));
  }
  await tell(name, record, options);
};

const takenFrom = async (
  file: string | undefined,
  { from, ...options }: Options,
): Promise<TakenFrom | null> => {
  if (from !== undefined) {
    return takeFrom(from, file, options);
  }
  const { account, host, provider, tokenEndpoint, clientId } = options;
  if (
    [file, account, host, provider, tokenEndpoint, clientId].some((given) => given !== undefined)
  ) {
    throw new TokenctlError('usage', 'a FILE, and what to take out of it, need --from', {
      hint: 'without --from all is said in the JSON on stdin',
    });
  }
  return null;
};

/** Two owners of one refresh token: what they will do to each other depends on the provider. */
const warningsFor = (
  { refreshToken, provider }: Credential,
  { retire }: TakenFrom,
  known: Providers = {},
): string[] =>
  refreshToken === null
    ? [`it has no refresh token: it serves until it expires. To retire the other copy: ${retire}`]
    : [
        `two programs hold this refresh token now, and ${
          known[provider ?? '']?.rotation === 'none'
            ? 'both may use it'
            : 'where it works only once the second to use it ends the login for both'
        }. To retire the other: ${retire}`,
      ];

const tell = async (name: string, record: Credential, { json }: Options): Promise<void> => {
  const expiresAt = expiresAtMs(record);
  const refreshable = record.refreshToken !== null;
  if (json) {
    await print(
      `${JSON.stringify({
        login: name,
        expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
        refreshable,
      })}\n`,
    );
    return;
  }
  const lives =
    record.accessToken === null
      ? 'no access token yet'
      : expiresAt === null
        ? 'no stated lifetime'
        : `access token valid for ${formatDuration(Math.max(0, expiresAt - Date.now()))}`;
  await print(`Imported ${name}: ${lives}, ${refreshable ? 'renewed' : 'NOT renewed'} when due.\n`);
};

const namesProvider = (tokens: unknown): boolean =>
  typeof tokens === 'object' && tokens !== null && 'provider' in tokens;

const HOW = 'what it holds: tokenctl import --help';

const parseJson = (text: string): unknown => {
  if (text.trim() === '') {
    throw new TokenctlError('usage', 'stdin is empty; a JSON object is expected', {
      hint: HOW,
    });
  }
  try {
    // Some editors and servers put a byte order mark first (RFC 8259 section 8.1 lets us ignore it).
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    // The parser's own message quotes the input, and that holds tokens.
    throw new TokenctlError('usage', 'stdin is not JSON', { hint: HOW });
  }
};
