// What a command made of refresh-guard's README is: print a valid access token of a credential file.
import { createTokenManager, fileStore } from 'refresh-guard';
import { refreshRequest } from './refresh-request.mjs';

const tokens = createTokenManager({
  store: fileStore(process.argv[2]),
  refresh: async (previous) => {
    const answer = await refreshRequest(previous);
    return { ...previous, ...answer, expires_at: Date.now() + answer.expires_in * 1000 };
  },
});
process.stdout.write(`${await tokens.getValidToken()}\n`);
