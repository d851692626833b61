import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { need } from '../support/need.ts';
import { OIDC_CLIENTS, startOidcProvider } from '../support/oidc-provider.ts';
import { consentAs, signIn } from '../support/oidc-sign-in.ts';
import { playPerson } from '../support/sign-in.ts';
import { hasTerminals, openTerminal, type Terminal } from '../support/terminal.ts';
import { createHome } from '../support/tokenctl.ts';

const needTerminals = (context: TestContext) =>
  need(context, hasTerminals(), 'script(1) of util-linux');

const stage = async () => {
  const provider = await startOidcProvider({ accessTokenLifetime: 60 });
  onTestFinished(() => provider.stop());
  const home = createHome();
  const { clientId } = OIDC_CLIENTS.none;
  const args = `login work --issuer ${provider.issuer} --client-id ${clientId} --scope "openid offline_access" --param prompt=consent`;
  /** A login whose access token has expired and whose refresh token is dead. */
  const dead = async () => {
    const tokens = await signIn(provider, clientId);
    const { issuer, tokenEndpoint: token_endpoint } = provider;
    await home.run(['import', 'work'], {
      input: JSON.stringify({
        ...{ ...tokens, expires_in: 0, issuer, token_endpoint, client_id: clientId },
      }),
    });
    await provider.revokeGrant(tokens.refresh_token);
  };
  return { provider, home, args, dead };
};

const addressIn = (terminal: Terminal): URL =>
  new URL(/ (http:\S+client_id=\S+)\r?\n/.exec(terminal.shown())?.[1] ?? '');
const strays = (home: string) =>
  readdirSync(join(home, 'credentials')).filter(
    (entry) => !['work.json', 'work.herd', 'tokenctl-anchor'].includes(entry),
  );

describe('on a terminal', () => {
  test('the address that the browser ended at is pasted, and is not shown', async (context) => {
    needTerminals(context);
    const { home, args } = await stage();
    await home.run(['status']);
    const terminal = openTerminal({ ...home, ...made(home.home) }, `"$@" ${args} --no-browser`);
    await terminal.shows(/it is not shown\): /);
    const url = addressIn(terminal);
    const redirect = await consentAs('alice', url, url.searchParams.get('redirect_uri') ?? '');
    terminal.type('nonsense\r');
    await terminal.shows(/That is no address[\s\S]*it is not shown\): /);
    terminal.type(`${redirect.href}\r`);
    await terminal.shows(/Signed in to work as alice/);
    await terminal.ended;
    expect(terminal.shown()).not.toContain(redirect.searchParams.get('code'));
    expect(terminal.shown()).not.toContain('nonsense');
    expect((await home.run(['get', 'work'])).code).toBe(0);
  });

  test('Ctrl-C ends it as any program, and leaves nothing behind', async (context) => {
    needTerminals(context);
    const { home, args } = await stage();
    const terminal = openTerminal(made(home.home), `"$@" ${args} --no-browser; echo "code $?"`);
    await terminal.shows(/it is not shown\): /);
    terminal.type('\u0003');
    await terminal.shows(/code 130/);
    await terminal.ended;
    expect(strays(home.home)).toEqual([]);
  });

  test('a client secret is typed in without being shown', async (context) => {
    needTerminals(context);
    const { provider, home } = await stage();
    const { clientId, clientSecret } = OIDC_CLIENTS.client_secret_post;
    const terminal = openTerminal(
      made(home.home),
      `"$@" login work --issuer ${provider.issuer} --client-id ${clientId} --client-secret-prompt --auth-method client_secret_post --no-browser --scope "openid offline_access" --param prompt=consent`,
    );
    await terminal.shows(/Client secret \(it is not shown\): /);
    terminal.type(`${clientSecret}\r`);
    await terminal.shows(/paste the address/);
    await playPerson('alice', addressIn(terminal));
    await terminal.shows(/Signed in to work/);
    await terminal.ended;
    expect(terminal.shown()).not.toContain(clientSecret);
    expect(readFileSync(home.recordPath('work'), 'utf8')).toContain('client_secret_post');
  });
});

describe('get --login', () => {
  test('asks a person where nothing else helps, once for all who ask', async (context) => {
    needTerminals(context);
    const { provider, home, dead } = await stage();
    await dead();
    const before = provider.count('authorization_code');
    const first = openTerminal(home, '"$@" get work --login');
    await first.shows(/paste the address/);
    const second = openTerminal(home, '"$@" get work --login');
    await second.shows(/Waiting for process \d+, which is signing in to work/);
    const page = await playPerson('alice', addressIn(first));
    expect(page.text).toContain('Signed in');
    await Promise.all([first.ended, second.ended]);
    const [token] = /[\w-]{30,}\r?\n$/.exec(first.shown()) ?? [];
    expect(token).toBeDefined();
    expect(second.shown().endsWith(token ?? '-')).toBe(true);
    expect(provider.count('authorization_code') - before).toBe(1);
    expect(strays(home.home)).toEqual([]);
  });

  test('asks nobody where nobody can be asked, and names the command', async () => {
    const { home, dead } = await stage();
    await dead();
    for (const args of [
      ['get', 'work'],
      ['get', 'work', '--login'],
    ]) {
      const { code, stdout, stderr } = await home.run(args);
      expect([code, stdout]).toEqual([4, '']);
      expect(stderr).toContain('tokenctl login work');
    }
  });
});

/** openTerminal keeps its script in there. */
function made(home: string) {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  return { home } as ReturnType<typeof createHome>;
}
