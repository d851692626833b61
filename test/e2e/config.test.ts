import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { need } from '../support/need.ts';
import { createHome, type Home } from '../support/tokenctl.ts';

const ACME = `[providers.acme]
token_endpoint = "https://{host}/oauth/token"
revocation_endpoint = "https://{host}/oauth/revoke"
hosts = ["{host}"]
quirks = ["refresh-revokes-access-token"]
variables.host = { description = "the server", default = "id.acme.example" }
`;
const TOKENS = {
  access_token: 'an-access-token',
  refresh_token: 'a-refresh-token-of-acme',
  expires_in: 3600,
  client_id: 'cli',
};

const homeWith = (config: string | Uint8Array): Home & { config: string } => {
  const home = createHome();
  mkdirSync(home.home, { mode: 0o700 });
  const path = join(home.home, 'config.toml');
  writeFileSync(path, config, { mode: 0o600 });
  return { ...home, config: path };
};

describe('a provider of one’s own', () => {
  test('can be imported by name, and the record holds all that is known of it', async () => {
    const home = homeWith(ACME);
    const input = JSON.stringify({ ...TOKENS, provider: 'acme', variables: { host: 'id.test' } });
    expect(await home.run(['import', 'work'], { input })).toMatchObject({ code: 0, stderr: '' });
    const { readFileSync } = await import('node:fs');
    expect(JSON.parse(readFileSync(home.recordPath('work'), 'utf8'))).toMatchObject({
      provider: 'acme',
      token_endpoint: 'https://id.test/oauth/token',
      revocation_endpoint: 'https://id.test/oauth/revoke',
      hosts: ['id.test'],
      quirks: ['refresh-revokes-access-token'],
    });
  });

  test('is listed and explained, marked as one', async () => {
    const home = homeWith(ACME);
    const list = JSON.parse((await home.run(['providers', '--json'])).stdout);
    const sources = Object.fromEntries(
      list.map((one: { name: string; source: string }) => [one.name, one.source]),
    );
    expect(sources).toMatchObject({ acme: 'config', gitlab: 'preset' });
    expect((await home.run(['providers'])).stdout).toMatch(/^acme +config /m);
    const { stdout } = await home.run(['providers', 'acme']);
    expect(stdout).toContain('acme (from your config.toml)');
    expect(stdout).toContain('the server (default id.acme.example)');
    expect(stdout).toContain('A refresh kills the old access token');
  });
});

describe('providers', () => {
  test('says in which variable its tools look for a token', async () => {
    const { stdout } = await createHome().run(['providers', 'github']);
    expect(stdout).toMatch(/^ +token variable +GITHUB_TOKEN$/m);
  });

  test('explains one as JSON, in the words of config.toml', async () => {
    const { stdout } = await createHome().run(['providers', 'slack', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'slack',
      source: 'preset',
      token_endpoint: expect.stringMatching(/^https:/),
      scope_separator: ',',
      quirks: expect.arrayContaining([
        {
          name: 'token-in-authed-user',
          words: expect.any(String),
          documentation: expect.any(String),
        },
      ]),
    });
  });

  test('knows what it does not know', async () => {
    expect(await createHome().run(['providers', 'nobody'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('known: '),
    });
  });
});

describe('a configuration with a mistake', () => {
  test('is exit 6 with file, line and column for who needs it', async () => {
    const home = homeWith('[providers.acme]\ntoken_endpoint = "https://x/t"\npcke = "S256"\n');
    const { code, stderr } = await home.run(['providers']);
    expect([code, stderr]).toEqual([
      6,
      `tokenctl: ${home.config}:3:1: providers.acme.pcke is not known (did you mean pkce?)\n`,
    ]);
    const input = JSON.stringify({ ...TOKENS, provider: 'gitlab' });
    expect((await home.run(['import', 'work'], { input })).code).toBe(6);
  });

  test('is no concern of who does not, and says where the login is kept', async () => {
    const home = homeWith('][');
    const input = JSON.stringify({ ...TOKENS, token_endpoint: 'https://x/t' });
    // It may say that new logins are for the keychain: nothing is put into a file meanwhile.
    const unsaid = await home.run(['import', 'work'], { input });
    expect([unsaid.code, unsaid.stderr]).toEqual([6, expect.stringContaining('config.toml:1:')]);
    const said = await home.run(['import', 'work', '--store', 'file'], { input });
    expect(said).toMatchObject({ code: 0, stderr: '' });
    // One that is there stays where it is.
    expect(await home.run(['import', 'work'], { input })).toMatchObject({ code: 0, stderr: '' });
    expect(await home.run(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
    expect(await home.run(['status'])).toMatchObject({ code: 0, stderr: '' });
  });
});

test('the place for refresh tokens that it names is where a new login goes', async () => {
  const home = homeWith('[defaults]\nstore = "encrypted"\n');
  const passphrase = join(home.home, '..', 'passphrase');
  writeFileSync(passphrase, 'a long enough passphrase\n', { mode: 0o600 });
  const env = { TOKENCTL_PASSPHRASE_FILE: passphrase };
  const input = JSON.stringify({ ...TOKENS, token_endpoint: 'https://x/t' });
  expect(await home.run(['import', 'work'], { input, env })).toMatchObject({ code: 0, stderr: '' });
  const stored = readFileSync(home.recordPath('work'), 'utf8');
  expect(stored).toContain('"encrypted"');
  expect(stored).not.toContain(TOKENS.refresh_token);
});

describe('the configuration is refused', () => {
  test.each([0o620, 0o602, 0o666])('if others can write to it (%o)', async (mode) => {
    const home = homeWith(ACME);
    chmodSync(home.config, mode);
    const { code, stderr } = await home.run(['providers']);
    expect([code, stderr]).toEqual([6, expect.stringContaining(`chmod go-w '${home.config}'`)]);
  });

  test('if anybody can write to its directory', async () => {
    const home = homeWith(ACME);
    chmodSync(home.home, 0o777);
    expect((await home.run(['providers'])).code).toBe(6);
  });

  test('if it belongs to somebody else', async (context) => {
    need(context, process.getuid?.() === 0, 'root, to give a file away');
    const home = homeWith(ACME);
    chownSync(home.config, 12_345, 12_345);
    const { code, stderr } = await home.run(['providers']);
    expect([code, stderr]).toEqual([6, expect.stringContaining('uid 12345')]);
  });

  test.each<[string, string | Uint8Array]>([
    ['too large', '#'.repeat(300 * 1024)],
    ['not UTF-8', Uint8Array.of(0x23, 0xff, 0xfe)],
  ])('if it is %s', async (_, content) => {
    const { code, stderr } = await homeWith(content).run(['providers']);
    expect([code, stderr.trimEnd().split('\n')]).toEqual([6, [expect.any(String)]]);
  });

  test('if it is a directory', async () => {
    const home = createHome();
    mkdirSync(join(home.home, 'config.toml'), { recursive: true });
    expect((await home.run(['providers'])).code).toBe(6);
  });
});

test('a configuration that is a link to one’s own file is read', async () => {
  const home = createHome();
  mkdirSync(join(home.home, 'dotfiles'), { recursive: true });
  writeFileSync(join(home.home, 'dotfiles/it.toml'), ACME);
  symlinkSync('dotfiles/it.toml', join(home.home, 'config.toml'));
  expect((await home.run(['providers', 'acme'])).code).toBe(0);
});

test('without TOKENCTL_HOME it is where configurations are', async (context) => {
  need(context, process.platform === 'linux', 'Linux');
  const home = homeWith('');
  const directory = join(home.home, 'tokenctl');
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(directory, 'config.toml'), ACME);
  const env = { TOKENCTL_HOME: undefined, HOME: home.home, XDG_CONFIG_HOME: home.home };
  expect((await home.run(['providers', 'acme'], { env })).code).toBe(0);
  const relative = { ...env, XDG_CONFIG_HOME: 'here' };
  expect((await home.run(['providers'], { env: relative })).code).toBe(6);
});
