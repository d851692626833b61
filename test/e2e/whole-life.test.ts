import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { changeRecord } from '../../src/change-record.ts';
import { loginStore } from '../../src/store/file.ts';
import { hasKeyring, startKeyring } from '../support/keyring.ts';
import { need } from '../support/need.ts';
import { OIDC_CLIENTS, startOidcProvider } from '../support/oidc-provider.ts';
import { playPerson, startLogin } from '../support/sign-in.ts';
import { createHome } from '../support/tokenctl.ts';

const PLACES = ['file', 'encrypted', 'keychain'] as const;

test.for(PLACES)(
  'sign in, 50 gets, expiry, 50 gets, log out, with the refresh token in: %s',
  async (place, context) => {
    need(context, place !== 'keychain' || hasKeyring(), 'gnome-keyring, dbus and libsecret-tools');
    const provider = await startOidcProvider({ accessTokenLifetime: 600 });
    onTestFinished(() => provider.stop());
    const home = createHome();
    const passphrase = join(home.home, '..', 'passphrase');
    writeFileSync(passphrase, 'a long enough passphrase\n', { mode: 0o600 });
    const env =
      place === 'keychain'
        ? (await startKeyring()).env
        : place === 'encrypted'
          ? { TOKENCTL_PASSPHRASE_FILE: passphrase }
          : {};
    const login = startLogin(
      home,
      [
        ...['login', 'work', '--issuer', provider.issuer, '--scope', 'openid offline_access'],
        ...['--client-id', OIDC_CLIENTS.none.clientId, '--param', 'prompt=consent'],
        ...['--no-browser', '--store', place],
      ],
      env,
    );
    await playPerson('alice', await login.url);
    expect(await login.result).toMatchObject({ code: 0 });
    expect((await home.run(['status', 'work', '--json'], { env })).stdout).toContain(`"${place}"`);
    const first = await herd();
    await changeRecord(loginStore('work', { TOKENCTL_HOME: home.home }), 1_000, (record) =>
      record === null ? null : { ...record, lifetime: 0 },
    );
    const second = await herd();
    expect(second).not.toBe(first);
    const ended = await home.run(['logout', 'work'], { env });
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await isLive(second)).toBe(false);
    expect((await home.run(['get', 'work'], { env })).code).toBe(3);
    // One for the code, one for all who found the token expired.
    expect(provider.requests.map(({ grantType }) => grantType)).toEqual([
      'authorization_code',
      'refresh_token',
    ]);

    async function herd(): Promise<string> {
      const results = await home.runMany(50, ['get', 'work'], { env });
      expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
        results.map(() => ({ code: 0, stderr: '' })),
      );
      const [token = '', ...others] = new Set(results.map(({ stdout }) => stdout.trim()));
      expect(others).toEqual([]);
      expect(await isLive(token)).toBe(true);
      return token;
    }

    async function isLive(token: string): Promise<boolean> {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(provider.resource, { headers })).status === 200;
    }
  },
);
