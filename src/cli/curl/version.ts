import { execFile } from 'node:child_process';
import { TokenctlError } from '../../errors.ts';

/** From here on curl keeps a header of ours to itself when a redirect leads to another port or to http. */
const REDIRECTS_SAFELY = [7, 83] as const;
/** It never shows it to a proxy (https://curl.se/docs/CVE-2015-3153.html), and has --suppress-connect-headers. */
const OLDEST = [7, 54] as const;

/**
 * The user's curl is one that keeps the token to itself. That there is none is found out when it is started.
 *
 * @throws {TokenctlError} `refused`
 */
export const requireSafeCurl = async (env: NodeJS.ProcessEnv, follows: boolean): Promise<void> => {
  const found = await versionOf(env);
  if (found === null) {
    return;
  }
  const [major, minor] = follows ? REDIRECTS_SAFELY : OLDEST;
  const [, here = 0, then = 0] = (/^curl (\d+)\.(\d+)/.exec(found) ?? []).map(Number);
  if (here < major || (here === major && then < minor)) {
    throw new TokenctlError(
      'refused',
      follows
        ? `--location needs curl ${major}.${minor}: an older one takes the token along`
        : `curl ${major}.${minor} is needed: an older one cannot tell a proxy from the server`,
      { hint: 'install a newer curl' },
    );
  }
};

const versionOf = (env: NodeJS.ProcessEnv): Promise<string | null> =>
  new Promise((resolve) => {
    execFile('curl', ['-q', '--version'], { env }, (error, stdout) =>
      resolve(error === null ? stdout : null),
    );
  });
