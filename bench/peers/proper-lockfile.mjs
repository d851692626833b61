// The usual mending of the usual script: the same steps under a lock of proper-lockfile, and durable.
import { open, readFile, rename } from 'node:fs/promises';
import lockfile from 'proper-lockfile';
import { refreshRequest } from './refresh-request.mjs';

const path = process.argv[2];
/** As many looks as thirty seconds hold, with the library's own growing pauses. */
const RETRIES = { retries: 60, factor: 1.2, minTimeout: 20, maxTimeout: 500 };

let record = await read();
if (isExpired(record)) {
  const release = await lockfile.lock(path, { retries: RETRIES });
  record = await read();
  if (isExpired(record)) {
    const answer = await refreshRequest(record);
    record = { ...record, ...answer, expires_at: Date.now() + answer.expires_in * 1000 };
    await write(record);
  }
  await release();
}
process.stdout.write(`${record.access_token}\n`);

async function read() {
  return JSON.parse(await readFile(path, 'utf8'));
}

function isExpired({ expires_at }) {
  return expires_at <= Date.now();
}

async function write(next) {
  const file = await open(`${path}.tmp`, 'w', 0o600);
  await file.writeFile(JSON.stringify(next));
  await file.sync();
  await file.close();
  await rename(`${path}.tmp`, path);
}
