import { TokenctlError } from '../errors.ts';
import { extraTokenStore, loginStore } from '../store/file.ts';
import { openStore } from './manager.ts';

/** Another access token of a login: the same lock and refresh token, a file of its own. */
export const openExtraLogin = async (
  name: string,
  extra: { readonly scope?: string; readonly resource?: string },
): Promise<ReturnType<typeof openStore>> => {
  const { scope, resource } = extra;
  if (
    scope !== undefined &&
    !/^[\x21\x23-\x5b\x5d-\x7e]+( +[\x21\x23-\x5b\x5d-\x7e]+)*$/.test(scope)
  ) {
    throw new TokenctlError('usage', '--scope takes scopes separated by spaces');
  }
  if (resource !== undefined && (!URL.canParse(resource) || new URL(resource).hash !== '')) {
    throw new TokenctlError('usage', '--resource takes an absolute URI without a fragment');
  }
  const store = loginStore(name);
  // A damaged record is for the manager to mend, or to complain of.
  const own = (await store.read().catch(() => null))?.record.accessToken ?? null;
  return openStore(await extraTokenStore(store, extra), {
    ...extra,
    held: own === null ? [] : [own],
  });
};
