import {
  createTokenManager as createPlainManager,
  type TokenManager as PlainManager,
  type TokenManagerOptions as PlainOptions,
} from '../create-token-manager.ts';

export interface TokenManagerOptions extends PlainOptions {
  /**
   * Hosts that `fetch` may send the token to, `HOST[:PORT][/PATH]`, besides those that the login is bound to
   * (`tokenctl hosts NAME`, or `hosts` among imported tokens).
   */
  readonly hosts?: readonly string[] | undefined;
  /** What `fetch` sends its requests with, if not the one of Node.js. It must heed `redirect: 'manual'`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

export interface TokenManager extends PlainManager {
  /**
   * `fetch` with this login's token: for the hosts that the login is bound to, and no other, also where a
   * redirect leads. A token that is rejected (401) is renewed, and the request sent once more if its body
   * can be; a second 401 is returned. DPoP proofs are made where the token is bound to a key.
   *
   * @throws {TokenctlError} `refused` if the login is not bound to the host; `usage`; and as
   *   {@link PlainManager.getValidToken}
   * @throws {TypeError} as `fetch`
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
}

/** One login, kept valid for this process and every other one that uses the same store. */
export const createTokenManager = ({
  hosts = [],
  fetch,
  ...options
}: TokenManagerOptions): TokenManager => {
  const manager = createPlainManager(options);
  let created: Promise<TokenManager['fetch']> | null = null;
  const load = async () => {
    const { createFetch } = await import('./fetch.ts');
    const { requireHostBinding } = await import('../hosts/binding.ts');
    return createFetch({
      store: options.store,
      manager,
      hosts: hosts.map(requireHostBinding),
      fetch,
    });
  };
  return {
    ...manager,
    fetch: async (input, init) => {
      created ??= load();
      return (await created)(input, init);
    },
  };
};
