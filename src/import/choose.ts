import { printable, TokenctlError } from '../errors.ts';
import type { Found } from './found.ts';

export interface Choice {
  readonly account?: string | undefined;
  readonly host?: string | undefined;
  readonly clientId?: string | undefined;
}

/** The one that is meant. @throws {TokenctlError} `usage`, with what there is to choose from */
export const choose = <One extends Found>(found: readonly One[], choice: Choice): One => {
  const meant = found.filter(
    ({ account, host, clientId }) =>
      fits(choice.account, account) && fits(choice.host, host) && fits(choice.clientId, clientId),
  );
  const [only] = meant;
  if (only !== undefined && meant.length === 1) {
    return only;
  }
  if (found.length === 0) {
    throw new TokenctlError('usage', 'there is no token in it');
  }
  const what =
    meant.length === 0 ? 'none of them is meant by that' : 'there are several logins in it';
  const from = meant.length === 0 ? found : meant;
  throw new TokenctlError('usage', what, {
    hint: `choose: ${[...new Set(from.map((each) => optionsFor(each, from)))].slice(0, MAX_LISTED).join('; ')}`,
  });
};

const MAX_LISTED = 20;

/** Names of accounts and hosts are not case-sensitive anywhere; a client id is only told, not made. */
const fits = (wanted: string | undefined, value: string | null): boolean =>
  wanted === undefined || value === null || wanted.toLowerCase() === value.toLowerCase();

/** Only what tells one from another. */
const optionsFor = (one: Found, all: readonly Found[]): string => {
  const differ = (value: (each: Found) => string | null) => new Set(all.map(value)).size > 1;
  const options = [
    differ(({ account }) => account) && one.account !== null && `--account ${quoted(one.account)}`,
    differ(({ host }) => host) && one.host !== null && `--host ${quoted(one.host)}`,
    differ(({ clientId }) => clientId) &&
      one.clientId !== null &&
      `--client-id ${quoted(one.clientId)}`,
  ].filter((option) => option !== false);
  return options.join(' ') || 'they cannot be told apart: remove one from the file';
};

const quoted = (text: string): string =>
  /^[\w.@:/+-]+$/.test(text)
    ? printable(text, 80)
    : `'${printable(text, 80).replaceAll("'", "'\\''")}'`;
