import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Authority, withAuthority } from '../oauth/certificates.ts';
import { HOSTILE_ANSWERS, type HostileAnswer, SMUGGLED } from '../support/hostile-answers.ts';
import { handOn, startHostileEndpoint } from '../support/hostile-endpoint.ts';
import { createSharedLogin } from '../support/login.ts';

const DOCUMENT = resolve(import.meta.dirname, '../../docs/hostile-answers.md');
/** Both requests at their limits take less than half a minute; the rest is for slow machines. */
const LONGEST_MS = 90_000;
/** Beyond what an ordinary refresh takes. The worst that two megabytes of JSON can do is 120. */
const MORE_MEMORY_MB = 250;

describe.each(HOSTILE_ANSWERS)('$title', ({ rows }) => {
  const authority = rows.some(({ certificate }) => certificate) ? withAuthority() : undefined;

  test.each(rows)('$answer', async (row) => {
    const met = await meet(row, authority?.());
    const { first, requests, again, later, record, secrets } = met;
    // What the caller sees.
    expect(first.stderr).toMatch(row.says === null ? /^$/ : said(row.says));
    expect(first.code).toBe(row.exit);
    expect(first.stdout).toMatch(row.exit === 0 ? /^[\x21-\x7e]+\n$/ : /^$/);
    expect(first.ms).toBeLessThan(LONGEST_MS);
    expect(met.memoryMb).toBeLessThan((await ordinary()) + MORE_MEMORY_MB);
    // What the endpoint saw, and what nobody may see.
    expect(requests).toBe(row.requests);
    expect(met.elsewhere).toBe(0);
    expect(secrets.filter((secret) => first.stderr.includes(secret))).toEqual([]);
    // What is stored.
    expect(record).toMatchObject(row.stored ?? {});
    expect(record.access_token).toMatch(/^[\x21-\x7e]+$/);
    expect(JSON.stringify(record) + first.stdout + first.stderr).not.toContain(SMUGGLED);
    expect(record.refresh_token === met.imported ? 'old' : 'new').toBe(row.keeps);
    expect(secrets).toContain(record.refresh_token);
    const [least, most] = row.rests ?? [0, 3600];
    expect(record.last_attempt.backoff_ms / 1000).toBeGreaterThanOrEqual(least);
    expect(record.last_attempt.backoff_ms / 1000).toBeLessThanOrEqual(most);
    if (row.exit !== 5) {
      expect(again).toEqual({ code: row.exit, requests: row.expiresAtOnce ? 1 : 0 });
    }
    expect(later).toBe(row.later === 'works' ? 0 : 4);
  });
});

test('docs/hostile-answers.md says what this table says', async () => {
  const document = await readFile(DOCUMENT, 'utf8');
  const sections = HOSTILE_ANSWERS.map(({ title, rows }) =>
    [`## ${title}`, '', HEAD, ...rows.map(documented)].join('\n'),
  );
  expect(document.slice(document.indexOf('## ')).trim()).toBe(sections.join('\n\n'));
});

/** A get that meets this, one right after it, and one by force when all is well again. */
const meet = async (
  row: Pick<HostileAnswer, 'behave' | 'certificate' | 'server'>,
  authority?: Authority,
) => {
  const issue = (make: HostileAnswer['certificate']) =>
    authority === undefined ? undefined : make?.(authority);
  const login = await createSharedLogin(row.server);
  const elsewhere = await startHostileEndpoint(login.server, handOn);
  const endpoint = await startHostileEndpoint(login.server, row.behave, {
    certificate: issue(row.certificate),
    elsewhere: elsewhere.tokenEndpoint,
  });
  const tokens = login.server.grant({ lifetime: 0 });
  const { code } = await login.run(['import', 'work'], {
    input: JSON.stringify({
      ...tokens,
      token_endpoint: endpoint.tokenEndpoint,
      client_id: login.server.clientId,
    }),
  });
  expect(code).toBe(0);
  const env = authority === undefined ? {} : { SSL_CERT_FILE: authority.file };
  const peak = join(login.home, 'peak');
  const first = await login.run(['get', 'work'], { env: { ...env, ...(await measured(peak)) } });
  const { requests } = endpoint;
  const record = JSON.parse(await readFile(login.recordPath('work'), 'utf8'));
  // Not where a back-off of a second may be over or not by now.
  const again = first.code === 5 ? first : await login.run(['get', 'work'], { env });
  const askedAgain = endpoint.requests - requests;
  endpoint.heal(issue((sound) => sound.issue('DNS:localhost')));
  const later = await login.run(['get', 'work', '--force'], { env });
  return {
    first,
    requests,
    record,
    again: { code: again.code, requests: askedAgain },
    later: later.code,
    memoryMb: Number(await readFile(peak, 'utf8')) / 1024,
    imported: tokens.refresh_token,
    secrets: login.server.everyIssuedSecret(),
    elsewhere: elsewhere.requests,
  };
};

let ordinaryMb: number | undefined;
const ordinary = async (): Promise<number> => {
  ordinaryMb ??= (await meet({ behave: handOn })).memoryMb;
  return ordinaryMb;
};

/** Has the process leave its peak memory (RSS, kilobytes) in this file. */
const measured = async (path: string): Promise<NodeJS.ProcessEnv> => {
  const hook = `${path}.cjs`;
  await writeFile(
    hook,
    `process.on('exit', () => require('node:fs').writeFileSync(
       ${JSON.stringify(path)}, String(process.resourceUsage().maxRSS)));`,
  );
  return { NODE_OPTIONS: `--require ${hook}` };
};

/** In one line, which no control character breaks or colours. */
const said = (text: string): RegExp =>
  new RegExp(`^[^\\x00-\\x1f\\x7f-\\x9f]*${text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}.*\\n$`);

const HEAD = [
  '| answer | exit | sent | refresh token kept | said | afterwards |',
  '| --- | --- | --- | --- | --- | --- |',
].join('\n');

const documented = ({ answer, exit, requests, keeps, says, later }: HostileAnswer): string =>
  `| ${[answer, exit, TIMES[requests], `the ${keeps} one`, says ? `\`${says}\`` : '', later].join(' | ')} |`;

const TIMES = ['never', 'once', 'twice'];
