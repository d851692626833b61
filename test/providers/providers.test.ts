import { describe, expect, it } from 'vitest';
import { parseEndpoint } from '../../src/oauth/endpoint.ts';
import { expandProvider } from '../../src/providers/expand.ts';
import { type Provider, providers } from '../../src/providers/providers.ts';
import { isQuirk, quirks } from '../../src/providers/quirks.ts';

const ALL = Object.entries(providers);
/** Every row of the facts that this project began with. */
const ROWS =
  'github google microsoft okta auth0 salesforce slack atlassian gitlab bitbucket keycloak supabase linear notion hubspot zoom dropbox spotify twitch discord x linkedin iam-identity-center';

const endpointsOf = (provider: Provider): string[] =>
  [
    provider.tokenEndpoint,
    provider.authorizationEndpoint,
    provider.deviceAuthorizationEndpoint,
    provider.revocationEndpoint,
    provider.issuer,
  ].filter((address) => address !== undefined);

const filled = (provider: Provider): Provider =>
  expandProvider(
    provider,
    Object.fromEntries(Object.keys(provider.variables ?? {}).map((name) => [name, 'a.example'])),
  );

describe('a preset', () => {
  it('exists for every provider of note', () => {
    expect(ALL.map(([name]) => name).toSorted()).toEqual(ROWS.split(' ').toSorted());
  });

  it.each(ALL)('has endpoints that secrets may be sent to: %s', (_, provider) => {
    for (const address of endpointsOf(filled(provider))) {
      expect(parseEndpoint(address)).toBeInstanceOf(URL);
      expect(new URL(address).protocol).toBe('https:');
    }
  });

  it.each(ALL)('uses each of its variables, and no other: %s', (_, provider) => {
    const used = endpointsOf(provider).flatMap((address) =>
      Array.from(address.matchAll(/\{(\w+)\}/g), ([, name]) => name),
    );
    expect([...new Set(used)].filter((name) => name !== 'client_id').toSorted()).toEqual(
      Object.keys(provider.variables ?? {}).toSorted(),
    );
  });

  it.each(ALL)('says where its facts are from, and has quirks that exist: %s', (_, provider) => {
    expect(new URL(provider.documentation).protocol).toBe('https:');
    expect(provider.quirks.filter((quirk) => !isQuirk(quirk))).toEqual([]);
  });

  it('is there for each quirk', () => {
    const used = new Set(ALL.flatMap(([, provider]) => provider.quirks));
    expect(Object.keys(quirks).filter((name) => isQuirk(name) && !used.has(name))).toEqual([]);
  });

  it('does not ask for what it cannot do: a device flow without a client id of one kind', () => {
    const odd = ALL.filter(
      ([, { clientSecret, deviceAuthorizationEndpoint }]) =>
        clientSecret === 'device' && deviceAuthorizationEndpoint === undefined,
    );
    expect(odd).toEqual([]);
  });
});

describe('the variables of a provider', () => {
  const { okta, keycloak, gitlab, github } = providers as Record<string, Provider>;

  it('are filled in, by what is said or by their defaults', () => {
    expect(okta && expandProvider(okta, { host: 'Dev-1.Okta.com' })).toMatchObject({
      tokenEndpoint: 'https://dev-1.okta.com/oauth2/default/v1/token',
      issuer: 'https://dev-1.okta.com/oauth2/default',
      hosts: ['dev-1.okta.com'],
    });
    expect(gitlab && expandProvider(gitlab).tokenEndpoint).toBe('https://gitlab.com/oauth/token');
    expect(keycloak && expandProvider(keycloak, { host: 'a:8443', realm: 'My realm' }).issuer).toBe(
      'https://a:8443/realms/My%20realm',
    );
  });

  it('must be said where there is no default', () => {
    expect(() => okta && expandProvider(okta)).toThrowError(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining('host') }),
    );
  });

  it.each([
    'a/b',
    'a@b',
    'a#b',
    'a?b',
    'a\\b',
    'a b',
    '',
    '.',
    '-a',
    'a:99999999',
    'ä',
    'a\n',
    '{x}',
  ])('cannot lead elsewhere: host %j', (host) => {
    expect(() => okta && expandProvider(okta, { host })).toThrowError(
      expect.objectContaining({ code: 'usage' }),
    );
  });

  it.each(['a/b', '..', '.', '', '%2e', 'a?b', '{host}', 'a#'])(
    'cannot lead elsewhere: realm %j',
    (realm) => {
      expect(() => keycloak && expandProvider(keycloak, { host: 'a', realm })).toThrowError(
        expect.objectContaining({ code: 'usage' }),
      );
    },
  );

  it('are not invented', () => {
    expect(() => github && expandProvider(github, { host: 'a' })).toThrowError(
      expect.objectContaining({ code: 'usage' }),
    );
  });
});
