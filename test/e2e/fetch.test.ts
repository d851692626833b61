import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { createSharedLogin } from '../support/login.ts';

const LIBRARY = pathToFileURL(resolve(import.meta.dirname, '../../dist/index.js')).href;

test('eight programs whose token is revoked renew it once, and all get their answer', async () => {
  const login = await createSharedLogin();
  const { server, home } = login;
  await login.importGrant('work', 3600);
  await login.run(['hosts', 'work', 'add', new URL(server.resource).host]);
  server.expireAccessTokens();
  const program = join(home, '..', 'program.mjs');
  writeFileSync(
    program,
    `import { createTokenManager, fileStore } from '${LIBRARY}';
    const tokens = createTokenManager({ store: fileStore('work') });
    const all = await Promise.all([1, 2, 3].map(() => tokens.fetch('${server.resource}')));
    console.log(all.map(({ status }) => status).join());`,
  );
  const env = { TOKENCTL_HOME: home };
  const said = await Promise.all(
    Array.from({ length: 8 }, () => execa(process.execPath, [program], { env, reject: false })),
  );
  expect(said.map(({ stdout, stderr }) => [stdout, stderr])).toEqual(
    Array(8).fill(['200,200,200', '']),
  );
  expect([server.rotations, server.tokenRequests]).toEqual([1, 1]);
});
