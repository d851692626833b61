import { TokenctlError } from '../errors.ts';
import { readStdin } from './io.ts';

/** `--rejected -`: tokens never come as arguments, because everybody on the machine can read those. */
export const rejectedToken = async (option: string | undefined): Promise<string | undefined> => {
  if (option === undefined) {
    return undefined;
  }
  if (option !== '-') {
    throw new TokenctlError('usage', '--rejected takes "-" and reads the token from stdin');
  }
  const token = (await readStdin('Paste the rejected token')).trim();
  if (token === '') {
    throw new TokenctlError('usage', '--rejected -: stdin is empty');
  }
  return token;
};
