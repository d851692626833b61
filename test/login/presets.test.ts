import { describe, expect, test } from 'vitest';
import type { Fetch } from '../../src/login/fetch.ts';
import { prepare } from '../../src/login/prepare.ts';
import type { LoginRequest } from '../../src/login/settings.ts';
import { providers } from '../../src/providers/providers.ts';
import { Secret } from '../../src/secret.ts';

const noNetwork: Fetch = () => Promise.reject(new Error('nobody was to be asked'));

const REQUEST: LoginRequest = {
  client: {},
  resources: [],
  parameters: [],
  par: false,
  dpop: false,
  replace: false,
  timeoutMs: 1_000,
};

const signingIn = Object.entries(providers).filter(
  ([, { authorizationEndpoint }]) => authorizationEndpoint !== undefined,
);

describe('to sign in for the first time', () => {
  test.each(signingIn)('%s needs no more than what it hands out', async (name, preset) => {
    const variables = Object.fromEntries(
      Object.entries(preset.variables ?? {})
        .filter(([, { default: fallback }]) => fallback === undefined)
        .map(([variable]) => [variable, variable === 'host' ? 'id.example.com' : 'ours']),
    );
    const settings = await prepare(
      'work',
      {
        ...REQUEST,
        provider: name,
        variables,
        clientId: 'an-id',
        client: preset.clientSecret === 'required' ? { clientSecret: new Secret('secret') } : {},
        // Where the redirect is compared to the letter it must be said.
        ...(preset.redirectPort === 'fixed' ? { port: 8765 } : {}),
        flow: preset.clientSecret === 'device' ? 'device' : 'code',
      },
      null,
      { fetch: noNetwork, env: { DISPLAY: ':0' } },
    );
    const { client, server, hosts } = settings;
    for (const address of [
      client.tokenEndpoint,
      preset.clientSecret === 'device'
        ? server.deviceAuthorizationEndpoint
        : server.authorizationEndpoint,
      ...(client.revocationEndpoint === null ? [] : [client.revocationEndpoint]),
    ]) {
      expect(address?.replace('{client_id}', 'an-id')).toMatch(/^https:\/\/[^{}]+$/);
    }
    expect(hosts.filter((host) => /[{}/]/.test(host))).toEqual([]);
    expect(client).toMatchObject({ clientId: 'an-id', quirks: preset.quirks });
  });
});
