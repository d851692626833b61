// A program that uses the library with a refresh function of its own, run as many processes at
// once by test/e2e/library.test.ts: node library-user.mjs LIBRARY FILE LOG
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [library, file, log] = process.argv.slice(2);
const { createTokenManager, fileStore } = await import(library);

const tokens = createTokenManager({
  store: fileStore(file),
  refresh: async (previous) => {
    const next = Number(previous.refresh_token ?? 0) + 1;
    appendFileSync(log, `${next}\n`);
    await sleep(200);
    return { access_token: `access-${next}`, refresh_token: String(next), expires_in: 3600 };
  },
});
const { accessToken } = await tokens.getValidToken();
process.stdout.write(`${accessToken.reveal()}\n`);
