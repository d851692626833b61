import { type Codec, type Found, unreadable } from './found.ts';

/** Lines of git-credential-store: `https://user:token@host/path`. As git does, lines that are none are skipped. */
export const gitCredentials: Codec = (text) => {
  const found = text.split(/\r?\n/).flatMap(lineOf);
  if (found.length === 0) {
    throw unreadable('lines like https://user:token@host');
  }
  return found;
};

const lineOf = (line: string): Found[] => {
  try {
    const { protocol, host, username, password } = new URL(line.trim());
    return protocol === 'https:' && password !== ''
      ? [
          {
            account: username === '' ? null : decodeURIComponent(username),
            host,
            clientId: null,
            tokens: { access_token: decodeURIComponent(password) },
          },
        ]
      : [];
  } catch {
    return [];
  }
};
