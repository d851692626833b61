import { Command } from 'commander';
import { readConfig } from '../../config.ts';
import { expiresAtMs, isRenewed } from '../../credential.ts';
import type { SignedIn } from '../../login/sign-in.ts';
import { knownProviders } from '../../user-providers.ts';
import { formatDuration } from '../duration.ts';
import { print } from '../io.ts';
import { type LoginArguments, loginRequest } from '../login-options.ts';
import { openLogin } from '../manager.ts';
import { person } from '../person.ts';
import { PLACE_NAMES, reportLeftovers } from '../place.ts';
import { reportWarnings } from '../report.ts';

const several = (value: string, before: string[] = []): string[] => [...before, value];

export const command = (): Command =>
  new Command('login')
    .summary('sign in: browser, device code, or as a machine')
    .description(
      'Sign in and keep the tokens under this name. In a browser by the authorization code flow with PKCE; ' +
        'with a code on another device where there is no browser; without anybody for machines. ' +
        'A name that was signed in to before needs nothing else: tokenctl login NAME.',
    )
    .argument('<NAME>', 'the login: letters, digits and . _ @ -')
    .optionsGroup('Where:')
    .option('--provider <NAME>', 'a provider that is known here; NAME itself if it is one')
    .option(
      '--var <NAME=VALUE>',
      'a part of its addresses: host, tenant …; may be repeated',
      several,
    )
    .option('--issuer <URL>', 'any other: its endpoints are discovered')
    .option('--authorization-endpoint <URL>', 'without discovery')
    .option('--token-endpoint <URL>', 'without discovery')
    .option('--device-authorization-endpoint <URL>', 'without discovery')
    .option('--revocation-endpoint <URL>', 'without discovery')
    .optionsGroup('As which client:')
    .option('--client-id <ID>', 'or the URL of a metadata document; registered by itself if absent')
    .option('--client-secret-stdin', 'its secret, on stdin')
    .option('--client-secret-file <FILE>', '… in a file')
    .option('--client-secret-prompt', '… typed in, without being shown')
    .option(
      '--auth-method <METHOD>',
      'none, client_secret_basic, client_secret_post, private_key_jwt …',
    )
    .option('--client-key <FILE>', 'private_key_jwt: the key, PEM or JWK')
    .option('--client-key-id <ID>', 'and its name (kid)')
    .option('--client-certificate <FILE>', 'mutual TLS: the certificate, PEM')
    .option('--client-certificate-key <FILE>', 'and its key')
    .optionsGroup('For what:')
    .option('--scope <SCOPE>', 'separated by spaces')
    .option('--resource <URI>', 'RFC 8707; may be repeated', several)
    .option('--audience <NAME>', 'where the server wants that instead')
    .option('--param <NAME=VALUE>', 'another parameter of the request; may be repeated', several)
    .option('--host <HOST>', 'a host that may be given the access token; may be repeated', several)
    .optionsGroup('How:')
    .option('--device', 'with a code, on any device')
    .option('--client-credentials', 'as a machine: the client itself')
    .option('--assertion-key <FILE>', 'as a machine: by a signed assertion (RFC 7523), PEM or JWK')
    .option('--assertion-key-id <ID>', 'its name (kid)')
    .option('--assertion-issuer <NAME>', 'iss; the client id if absent')
    .option('--assertion-subject <NAME>', 'sub; the client id if absent')
    .option('--assertion-audience <NAME>', 'aud; the issuer if absent')
    .option('--browser <COMMAND>', 'what to start instead of the usual browser ($BROWSER)')
    .option('--no-browser', 'start none: the address is printed in any case')
    .option('--port <PORT>', 'the port of the redirect, if it must be a certain one')
    .option('--redirect-uri <URI>', 'the whole of it, as it is registered')
    .option('--par', 'push the request to the server first (RFC 9126)')
    .option('--dpop', 'bind the tokens to a key that is kept with them (RFC 9449)')
    .optionsGroup('And:')
    .option('--store <PLACE>', `where to keep the refresh token: ${PLACE_NAMES}`)
    .option('--replace', 'also if the name holds another account or server')
    .option('--json', 'print what was signed in to as JSON')
    .option('--timeout <DURATION>', 'how long to wait for you', '5m')
    .addHelpText('after', HELP)
    .action(run);

const HELP = `
Examples:
  tokenctl login github --client-id Iv1.0123456789abcdef
  tokenctl login work --issuer https://id.example.com --scope "openid offline_access"
  tokenctl login work --issuer https://id.example.com --client-id my-cli --device
  tokenctl login ci --issuer https://id.example.com --client-id ci \\
    --client-secret-file secret.txt --client-credentials --scope deploy
  tokenctl login work        # again, as the last time

Over SSH without a browser: the address is printed; open it where your browser is, and paste
the address that it ends at. --device does without the pasting.`;

const run = async (name: string, options: LoginArguments, command: Command): Promise<void> => {
  // commander has a default for --no-browser: only what was said counts.
  const said = command.getOptionValueSource('browser') === 'cli';
  const request = await loginRequest(said ? options : { ...options, browser: undefined as never });
  const { store, trace } = openLogin(name);
  const config = await readConfig();
  const known = knownProviders(config);
  // Where that of the login before is, is where the new one goes.
  const place =
    request.place ?? ((await store.read()) === null ? config.defaults.store : undefined);
  const { signIn } = await import('../../login/sign-in.ts');
  const signedIn = await signIn(store, { ...request, known, place }, person(), { trace });
  await print(options.json ? asJson(name, signedIn) : asText(name, signedIn), name);
  reportWarnings(name, signedIn.warnings);
  reportLeftovers(name, signedIn.record);
};

const asJson = (login: string, { record, account }: SignedIn): string => {
  const expiresAt = expiresAtMs(record);
  return `${JSON.stringify({
    login,
    account: account?.name ?? null,
    scope: record.scope,
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    refreshable: isRenewed(record),
  })}\n`;
};

const asText = (login: string, { record, account, byAnother }: SignedIn): string => {
  const { scope, client } = record;
  const expiresAt = expiresAtMs(record);
  const where = client.tokenEndpoint === null ? '' : ` at ${new URL(client.tokenEndpoint).host}`;
  const as = account === null ? '' : ` as ${account.name}`;
  const lives =
    expiresAt === null
      ? 'no stated lifetime'
      : `valid for ${formatDuration(Math.max(0, expiresAt - Date.now()))}`;
  return [
    byAnother
      ? `Another process signed in to ${login}${where} meanwhile.`
      : `Signed in to ${login}${as}${where}.`,
    `Scope: ${scope ?? 'not stated'}.`,
    `Access token: ${lives}, ${isRenewed(record) ? 'renewed' : 'NOT renewed'} when due. Use it: tokenctl get ${login}\n`,
  ].join('\n');
};
