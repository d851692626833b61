import { Command } from 'commander';
import { expiresAtMs } from '../../credential.ts';
import { TokenctlError } from '../../errors.ts';
import { importTokens } from '../../import-tokens.ts';
import { formatDuration, parseDuration } from '../duration.ts';
import { print, readStdin } from '../io.ts';
import { openLogin } from '../manager.ts';
import { PLACE_NAMES, parsePlace, reportLeftovers } from '../place.ts';

export const command = (): Command =>
  new Command('import')
    .summary('take over tokens: JSON on stdin')
    .description(
      'Take over a login from a token response (RFC 6749 section 5.1) on stdin, plus where it belongs:\n' +
        'provider, or token_endpoint and client_id. What was held under this name is replaced.',
    )
    .argument('<NAME>', 'the login: letters, digits and . _ @ -')
    .option('--store <PLACE>', `where to keep the refresh token: ${PLACE_NAMES}`)
    .option('--json', 'print what was taken over as JSON')
    .option('--timeout <DURATION>', 'how long to wait for others', '30s')
    .addHelpText('after', HELP)
    .action(run);

const HELP = `
Members: access_token, refresh_token, expires_in or expires_at, token_type, scope, id_token,
  provider or token_endpoint, revocation_endpoint, issuer, client_id, client_secret,
  token_endpoint_auth_method, hosts.

Once taken over, the refresh token is tokenctl's alone: another program that still uses it
trips the provider's reuse detection and loses the login for both.

Examples:
  tokenctl import work < tokens.json
  tokenctl import work --store keychain < tokens.json
  jq '. + {token_endpoint: "https://id.example.com/token", client_id: "cli"}' response.json |
    tokenctl import work`;

const run = async (
  name: string,
  options: { store?: string; json?: true; timeout: string },
): Promise<void> => {
  const place = options.store === undefined ? undefined : parsePlace(options.store, '--store');
  const { store } = openLogin(name);
  const timeoutMs = parseDuration(options.timeout, '--timeout');
  const record = await importTokens(
    store,
    parseJson(await readStdin('Paste the JSON')),
    timeoutMs,
    place,
  );
  reportLeftovers(name, record);
  const expiresAt = expiresAtMs(record);
  const refreshable = record.refreshToken !== null;
  if (options.json) {
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
    expiresAt === null
      ? 'no stated lifetime'
      : `access token valid for ${formatDuration(Math.max(0, expiresAt - Date.now()))}`;
  await print(`Imported ${name}: ${lives}, ${refreshable ? 'renewed' : 'NOT renewed'} when due.\n`);
};

const parseJson = (text: string): unknown => {
  if (text.trim() === '') {
    throw new TokenctlError('usage', 'stdin is empty; a JSON object is expected');
  }
  try {
    // Some editors and servers put a byte order mark first (RFC 8259 section 8.1 lets us ignore it).
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    // The parser's own message quotes the input, and that holds tokens.
    throw new TokenctlError('usage', 'stdin is not JSON');
  }
};
