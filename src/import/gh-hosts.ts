import { type Codec, type Found, isObject, type Json, textOf, unreadable } from './found.ts';
import { parseYaml } from './yaml.ts';

/**
 * `hosts.yml` of the `gh` command: for each host its users, each with an `oauth_token`, and before
 * version 2.40 one token for a host.
 */
export const ghHosts: Codec = (text) => {
  const hosts = parseYaml(text);
  if (!isObject(hosts) || !Object.values(hosts).every(isObject)) {
    throw unreadable('a mapping for each host');
  }
  const found = Object.entries(hosts).flatMap(([host, settings]) =>
    isObject(settings) ? usersOf(host, settings) : [],
  );
  if (found.length === 0 && Object.keys(hosts).length > 0) {
    throw unreadable(
      'it has no token, for they are in the keychain (gh auth token | jq -R "{access_token: .}" | tokenctl import NAME)',
    );
  }
  return found;
};

const usersOf = (host: string, { users, user, oauth_token: token }: Json): Found[] => {
  const each = isObject(users)
    ? Object.entries(users).flatMap(([account, settings]) =>
        isObject(settings) ? foundOf(host, account, settings.oauth_token) : [],
      )
    : [];
  return each.length > 0 ? each : foundOf(host, textOf(user), token);
};

const foundOf = (host: string, account: string | null, token: unknown): Found[] =>
  textOf(token) === null
    ? []
    : [{ account, host, clientId: null, tokens: { access_token: token } }];
