import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';

/** The next record's file as it is while the request is out. */
const reservationOf = async (login: SharedLogin): Promise<{ bytes: Buffer; onDisk: number }> => {
  await login.importGrant('work', 0);
  const running = login.start(['get', 'work']);
  const reserved = new Promise<{ bytes: Buffer; onDisk: number }>((resolve) => {
    const end = login.server.onTokenRequest(() => {
      end();
      const lock = join(login.home, 'credentials/work.lock');
      const path = join(lock, readdirSync(lock)[0] ?? '', 'next.json');
      resolve({ bytes: readFileSync(path), onDisk: statSync(path).blocks * 512 });
    });
  });
  expect(await running.result).toMatchObject({ code: 0 });
  return reserved;
};

test('the room that is reserved is really taken, on a file system that compresses too', async () => {
  const login = await createSharedLogin();
  const first = await reservationOf(login);
  const second = await reservationOf(login);
  const { size } = statSync(login.recordPath('work'));
  for (const { bytes, onDisk } of [first, second]) {
    expect(bytes.length).toBeGreaterThan(size + 16_000);
    expect(onDisk).toBeGreaterThanOrEqual(bytes.length);
    // Base 64 is six bits in eight, and the best that compressing it can do.
    expect(brotliCompressSync(bytes).length).toBeGreaterThan(bytes.length * 0.74);
  }
  // Nor can one that keeps the same block only once keep it for both.
  const both = brotliCompressSync(Buffer.concat([first.bytes, second.bytes]));
  expect(both.length).toBeGreaterThan((first.bytes.length + second.bytes.length) * 0.74);
});
