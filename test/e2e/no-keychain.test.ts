import { expect, onTestFinished, test } from 'vitest';
import { OIDC_CLIENTS, startOidcProvider } from '../support/oidc-provider.ts';
import { playPerson, startLogin } from '../support/sign-in.ts';
import { createHome } from '../support/tokenctl.ts';

test('a sign-in whose keychain turns out to be none is kept in the file, and says so', async () => {
  const provider = await startOidcProvider({ accessTokenLifetime: 600 });
  onTestFinished(() => provider.stop());
  const home = createHome();
  const env = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' };
  const login = startLogin(
    home,
    [
      ...['login', 'work', '--issuer', provider.issuer, '--scope', 'openid offline_access'],
      ...['--client-id', OIDC_CLIENTS.none.clientId, '--param', 'prompt=consent'],
      ...['--no-browser', '--store', 'keychain'],
    ],
    env,
  );
  await playPerson('alice', await login.url);
  const { code, stderr } = await login.result;
  expect([code, stderr]).toEqual([
    0,
    expect.stringContaining('it is kept in the file: tokenctl store work --to keychain'),
  ]);
  expect(await home.run(['get', 'work', '--force'], { env })).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect(provider.requests.map(({ grantType }) => grantType)).toEqual([
    'authorization_code',
    'refresh_token',
  ]);
});
