import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { need } from '../support/need.ts';
import { createSetupUser } from '../support/setup-user.ts';

type User = Awaited<ReturnType<typeof createSetupUser>>;

const HOST = 'git.example.com';
const SERVER = 'https://git.example.com';
const have = (program: string, ...args: string[]): boolean => {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

const write = (path: string, text: string | Buffer): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};

const SECRET = 'S3cr3t-of-somebody';
const REGISTRY = `[registries.acme]\nindex = "sparse+${SERVER}/index/"`;
const CLUSTER = `apiVersion: v1
clusters:
- cluster: {server: ${SERVER}}
  name: c
contexts:
- name: c
  context:
    cluster: c # no user
users:
- name: other
  user: {token: ${SECRET}}
`;

/** Of each tool, its file as somebody may have it, with a secret in it. */
const TOOLS = {
  git: { path: '.gitconfig', text: `[http]\n  extraHeader = "X: ${SECRET}" # mine\n` },
  docker: {
    path: '.docker/config.json',
    text: `{\n    "auths": { "x.example": {"auth": "${SECRET}"} }\n}\n`,
  },
  kubectl: { path: '.kube/config', text: CLUSTER },
  cargo: { path: '.cargo/config.toml', text: `# ${SECRET}\n${REGISTRY} # ${SECRET}\n[net]\n` },
} as const;
const ALL = Object.entries(TOOLS).map(([tool, of]) => ({ tool, ...of }));
const NEEDED: Readonly<Record<string, string>> = { git: 'git' };

describe.each(ALL)('setup $tool', ({ tool, path, text }) => {
  const start = async (content: string | Buffer = text): Promise<User & { file: string }> => {
    const user = await createSetupUser(HOST);
    const file = join(user.user, path);
    write(file, content);
    return { ...user, file };
  };

  test('shows what it would do, and only that; does it once; and takes it back', async (context) => {
    need(context, NEEDED[tool] === undefined || have('git', '--version'), 'git');
    const { setup, snapshot, file, setupRecord } = await start();
    const before = snapshot();
    const shown = await setup(tool, '--dry-run');
    expect([shown.exitCode, shown.stderr]).toEqual([0, '']);
    expect(shown.stdout).toContain(`--- ${file}\n+++ ${file}\n@@ line `);
    expect(shown.stdout).toContain('tokenctl');
    expect([snapshot(), existsSync(setupRecord)]).toEqual([before, false]);

    const done = await setup(tool);
    expect([done.exitCode, done.stderr]).toEqual([0, shown.stdout]);
    expect(done.stdout).toBe(`${tool} asks tokenctl for ${HOST} from now on.\n`);
    const now = readFileSync(file, 'utf8');
    for (const line of text.split('\n').map((one) => one.replace(/[{}\s]+$/, ''))) {
      expect(now).toContain(line);
    }
    expect(statSync(setupRecord).mode & 0o777).toBe(0o600);
    const after = snapshot();
    const record = readFileSync(setupRecord, 'utf8');

    const again = await setup(tool);
    expect([again.exitCode, again.stderr]).toEqual([0, '']);
    expect(again.stdout).toBe(`${tool} is already set up for ${HOST}.\n`);
    expect([snapshot(), readFileSync(setupRecord, 'utf8')]).toEqual([after, record]);

    const undone = await setup(tool, '--undo');
    expect([undone.exitCode, undone.stdout]).toEqual([
      0,
      `${tool} does not ask tokenctl any more for ${HOST}.\n`,
    ]);
    expect([snapshot(), existsSync(setupRecord)]).toEqual([before, false]);
    const all = [shown, done, again, undone].map(({ stdout, stderr }) => stdout + stderr).join('');
    expect(all + record).not.toContain(SECRET);
    expect((await setup(tool, '--undo')).stdout).toBe(`${tool}: nothing to undo.\n`);
  });

  test.each([
    ['without a last line end', (given: string) => given.trimEnd()],
    ['with CRLF', (given: string) => given.replaceAll('\n', '\r\n')],
    ['with a byte order mark', (given: string) => `\ufeff${given}`],
  ])('gives back a file %s', async (_, change) => {
    const { setup, snapshot, file } = await start(change(text));
    const before = snapshot();
    const done = await setup(tool);
    expect([done.exitCode, snapshot()[path]]).not.toEqual([0, before[path]]);
    const now = readFileSync(file, 'utf8');
    expect(now.includes('\r\n') && /[^\r]\n/.test(now)).toBe(false);
    expect((await setup(tool, '--undo')).exitCode).toBe(0);
    expect(snapshot()).toEqual(before);
  });

  test('leaves a link a link, and the mode as it is', async () => {
    const { setup, snapshot, file, user } = await start();
    rmSync(file);
    write(join(user, 'dotfiles', 'it'), text);
    chmodSync(join(user, 'dotfiles', 'it'), 0o640);
    symlinkSync('../dotfiles/it', file.replace(/\/\.gitconfig$/, '/.gitconfig'));
    if (tool === 'git') {
      rmSync(file);
      symlinkSync('dotfiles/it', file);
    }
    const before = snapshot();
    expect((await setup(tool)).exitCode).toBe(0);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(user, 'dotfiles', 'it'), 'utf8')).toContain('tokenctl');
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect((await setup(tool, '--undo')).exitCode).toBe(0);
    expect(snapshot()).toEqual(before);
  });

  test('keeps what was changed meanwhile', async () => {
    const { setup, file } = await start();
    await setup(tool);
    const addition = tool === 'docker' ? '\n' : '# later\n';
    writeFileSync(file, readFileSync(file, 'utf8') + addition);
    expect((await setup(tool, '--undo')).exitCode).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(text + addition);
  });

  test.each([
    ['is none', Buffer.from('{[ \n"')],
    ['is too large', Buffer.alloc(5 * 1024 * 1024, ' ')],
    ['is not UTF-8', Buffer.from('# \xff\n', 'latin1')],
  ])('refuses a file that %s', async (what, content) => {
    const { setup, snapshot, setupRecord } = await start(content);
    const before = snapshot();
    const { exitCode, stderr, stdout } = await setup(tool);
    if (tool === 'git' && what === 'is not UTF-8') {
      // git does not mind.
      expect(exitCode).toBe(0);
      expect((await setup(tool, '--undo')).exitCode).toBe(0);
    } else {
      expect([exitCode, stdout]).toEqual([6, '']);
      expect(stderr).toMatch(/^tokenctl: [^\n]*nothing was changed[^\n]*\n$/);
    }
    expect([snapshot(), existsSync(setupRecord)]).toEqual([before, false]);
  });

  test('refuses a file of somebody else', async (context) => {
    need(context, process.getuid?.() === 0, 'root');
    const { setup, snapshot, file } = await start();
    chownSync(file, 12345, 12345);
    const before = snapshot();
    const { exitCode, stderr } = await setup(tool);
    expect([exitCode, stderr]).toEqual([6, expect.stringMatching(/belongs to another user/)]);
    expect(snapshot()).toEqual(before);
  });

  test('makes the file that is not there, and takes it away again with what was made for it', async () => {
    const { setup, snapshot, file, user } = await start();
    rmSync(file);
    if (dirname(file) !== user) {
      rmSync(dirname(file), { recursive: true });
    }
    const before = snapshot();
    const more =
      tool === 'cargo' ? ['--registry', 'acme', '--index', `sparse+${SERVER}/index/`] : [];
    const done = await setup(tool, '--host', HOST, ...more);
    expect(done.exitCode).toBe(0);
    expect(done.stderr).toContain(`--- /dev/null\n+++ ${file}\n`);
    expect((await setup(tool, '--undo')).exitCode).toBe(0);
    expect(snapshot()).toEqual(before);
  });

  test('says in JSON what it did', async () => {
    const { setup, file } = await start();
    const { stdout, stderr } = await setup(tool, '--json', '--login', 'work');
    const { files, ...said } = JSON.parse(stdout);
    expect(stderr).toBe('');
    expect(said).toEqual({ tool, dry_run: false, hosts: [HOST], left: [], warnings: [] });
    expect(files).toMatchObject([{ path: file, change: 'changed' }]);
    expect(files[0].edits[0].added).toContain('tokenctl');
    expect(JSON.parse((await setup(tool, '--json', '--login', 'work')).stdout).files).toEqual([]);
  });

  test('binds nothing by itself', async () => {
    const { setup, snapshot } = await start();
    const before = snapshot();
    const { exitCode, stderr } = await setup(tool, '--host', 'other.example.com');
    expect([exitCode, stderr]).toEqual([
      6,
      'tokenctl: no login is bound to other.example.com (tokenctl hosts work add other.example.com)\n',
    ]);
    expect(snapshot()).toEqual(before);
  });

  test('by ten at once is done once, and none is lost', async () => {
    const { setup, snapshot, run } = await start();
    await run(['hosts', 'work', 'add', 'b.example.com']);
    const before = snapshot();
    const hosts = tool === 'git' || tool === 'docker' ? [HOST, 'b.example.com'] : [HOST];
    const all = await Promise.all(
      Array.from({ length: 10 }, (_, at) => setup(tool, '--host', hosts[at % hosts.length] ?? '')),
    );
    expect(all.map(({ exitCode }) => exitCode)).toEqual(all.map(() => 0));
    const changed = all.filter(({ stdout }) => stdout.includes('from now on'));
    expect(changed).toHaveLength(hosts.length);
    expect((await setup(tool, '--undo')).exitCode).toBe(0);
    expect(snapshot()).toEqual(before);
  });
});

describe('setup', () => {
  test('for one host of several is undone alone, and the others with the rest', async () => {
    const { setup, snapshot, user } = await createSetupUser(HOST, 'a.example', 'b.example:5000');
    const before = snapshot();
    await setup('docker');
    expect((await setup('docker', '--undo', '--host', 'a.example')).stdout).toBe(
      'docker does not ask tokenctl any more for a.example.\n',
    );
    const { credHelpers } = JSON.parse(readFileSync(join(user, '.docker/config.json'), 'utf8'));
    expect(credHelpers).toEqual({ [HOST]: 'tokenctl', 'b.example:5000': 'tokenctl' });
    await setup('docker', '--undo');
    expect(snapshot()).toEqual(before);
  });

  test('waits for a program that is changing the file, and then says so', async () => {
    const { setup, snapshot, user } = await createSetupUser(HOST);
    const lock = join(user, '.gitconfig.lock');
    writeFileSync(lock, '');
    const before = snapshot();
    const { exitCode, stderr } = await setup('git', '--timeout', '200ms');
    expect(exitCode).toBe(5);
    expect(stderr).toContain(`rm '${lock}'`);
    expect(snapshot()).toEqual(before);
    rmSync(lock);
    expect((await setup('git')).exitCode).toBe(0);
  });

  test('writes to the file that git itself would', async () => {
    const { setup, user, env, program } = await createSetupUser(HOST);
    write(join(user, '.config/git/config'), '[user]\n\tname = x\n');
    const where = async () => {
      await program('git', 'config', '--global', 'x.y', 'z');
      const { stdout } = await program('git', 'config', '--global', '--show-origin', 'x.y');
      await program('git', 'config', '--global', '--unset', 'x.y');
      return /^file:(.*)\t/.exec(stdout)?.[1];
    };
    for (const add of [
      {},
      { XDG_CONFIG_HOME: join(user, 'xdg') },
      { GIT_CONFIG_GLOBAL: join(user, 'mine') },
    ]) {
      Object.assign(env, add);
      const done = await setup('git');
      expect(done.stderr).toContain(`+++ ${await where()}\n`);
      expect((await setup('git', '--undo')).exitCode).toBe(0);
    }
  });

  test('passes a login on only where one is named, and by another name takes the place of the first', async () => {
    const { setup, snapshot, user, run, importGrant } = await createSetupUser(HOST);
    await importGrant('b');
    await run(['hosts', 'b', 'add', HOST]);
    const before = snapshot();
    const unclear = await setup('git');
    expect(unclear.stderr).toContain(`several logins are bound to ${HOST}`);
    await setup('git', '--login', 'work');
    await setup('git', '--login', 'b');
    const text = readFileSync(join(user, '.gitconfig'), 'utf8');
    expect(text.match(/helper = .*/g)).toEqual(['helper = !tokenctl credential git --login b']);
    expect((await setup('docker', '--login', 'b')).exitCode).toBe(6);
    await setup('git', '--undo');
    expect(snapshot()).toEqual(before);
  });

  test('says so where another helper answers, and replaces it only if told to', async () => {
    const { setup, snapshot, user } = await createSetupUser(HOST);
    const file = join(user, '.docker/config.json');
    write(
      file,
      `{"credHelpers":{"${HOST}":"osxkeychain"},"auths":{"${HOST}":{"auth":"${SECRET}"}}}`,
    );
    const before = snapshot();
    const refused = await setup('docker');
    expect([refused.exitCode, refused.stderr]).toEqual([6, expect.stringContaining('--replace')]);
    expect(snapshot()).toEqual(before);
    const done = await setup('docker', '--replace');
    expect([done.exitCode, done.stderr]).toEqual([0, expect.stringContaining('docker logout')]);
    expect(done.stderr).not.toMatch(/osxkeychain|S3cr3t/);
    await setup('docker', '--undo');
    expect(snapshot()).toEqual(before);
  });

  test('takes out what kubectl and docker have written anew in their own form', async (context) => {
    need(context, have('kubectl', 'version', '--client'), 'kubectl');
    const { setup, user, program } = await createSetupUser(HOST);
    const kube = join(user, '.kube/config');
    write(kube, CLUSTER);
    await setup('kubectl');
    await program('kubectl', 'config', 'set-context', 'later', '--cluster=c');
    expect((await setup('kubectl')).stdout).toContain('asks tokenctl');
    expect((await setup('kubectl')).stdout).toContain('already');
    expect((await setup('kubectl', '--undo')).exitCode).toBe(0);
    const { stdout } = await program('kubectl', 'config', 'view', '--raw', '-o', 'json');
    const { users, contexts } = JSON.parse(stdout);
    expect(users).toEqual([{ name: 'other', user: { token: SECRET } }]);
    expect(contexts.map((one: { context: object }) => one.context)).toEqual([
      { cluster: 'c', user: '' },
      { cluster: 'c', user: '' },
    ]);

    const docker = join(user, '.docker/config.json');
    write(docker, '{"auths":{}}');
    await setup('docker');
    const data = { ...JSON.parse(readFileSync(docker, 'utf8')), later: 1 };
    writeFileSync(docker, JSON.stringify(data, null, '\t'));
    expect((await setup('docker', '--undo')).exitCode).toBe(0);
    expect(JSON.parse(readFileSync(docker, 'utf8'))).toEqual({ auths: {}, later: 1 });
  });

  test('leaves what a person has made of it, and says so', async () => {
    const { setup, user } = await createSetupUser(HOST);
    await setup('git');
    const file = join(user, '.gitconfig');
    const edited = readFileSync(file, 'utf8').replace('helper =\n', 'helper =\n# mine\n');
    writeFileSync(file, edited);
    const { exitCode, stderr } = await setup('git', '--undo');
    expect([exitCode, stderr]).toEqual([6, expect.stringContaining('take out by hand')]);
    expect(readFileSync(file, 'utf8')).toBe(edited);
    // Taken out by hand: then there is nothing left to do.
    writeFileSync(file, '[user]\n');
    expect((await setup('git', '--undo')).exitCode).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('[user]\n');
  });

  test('keeps the lines that a person wrote below its header', async () => {
    const { setup, user } = await createSetupUser(HOST);
    await setup('git');
    const file = join(user, '.gitconfig');
    writeFileSync(file, `${readFileSync(file, 'utf8')}\tusername = me\n`);
    expect((await setup('git', '--undo')).exitCode).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(`[credential "${SERVER}"]\n\tusername = me\n`);
  });

  test('leaves alone what was set up by hand', async () => {
    const { setup, snapshot, program } = await createSetupUser(HOST);
    const key = `credential.${SERVER}.helper`;
    await program('git', 'config', '--global', key, '');
    await program('git', 'config', '--global', '--add', key, '!tokenctl credential git');
    const before = snapshot();
    expect((await setup('git')).stdout).toContain('already set up');
    expect((await setup('git', '--undo')).stdout).toContain('nothing to undo');
    expect(snapshot()).toEqual(before);
  });

  test('names the command by its path where it is not on PATH, in words for a shell', async () => {
    const { env, user, program } = await createSetupUser(HOST);
    const [bin = ''] = env.PATH?.split(':') ?? [];
    env.PATH = join(user, 'bin');
    mkdirSync(env.PATH);
    for (const name of ['git', 'node']) {
      const found = execFileSync('which', [name], { encoding: 'utf8' }).trim();
      symlinkSync(found, join(env.PATH, name));
    }
    const shown = await program(process.execPath, join(bin, 'tokenctl.js'), 'setup', 'git');
    expect(shown.stderr).toContain(`helper = !${join(bin, 'tokenctl.js')} credential git`);
    const odd = await import('../../src/setup/programs.ts');
    expect(odd.shellWord("/a b/it's")).toBe(`'/a b/it'\\''s'`);
  });

  test('and git at the same time lose nothing of each other', async (context) => {
    need(context, have('git', '--version'), 'git');
    const { setup, program, user } = await createSetupUser(HOST);
    writeFileSync(join(user, '.gitconfig'), '[t]\n');
    const keys = Array.from({ length: 40 }, (_, at) => `t.k${at}`);
    const git = async (): Promise<void> => {
      for (let key = keys.shift(); key !== undefined; key = keys.shift()) {
        // git itself does not wait for a lock.
        while ((await program('git', 'config', '--global', key, 'v')).exitCode !== 0) {}
      }
    };
    const ours = async (): Promise<void> => {
      while (keys.length > 0) {
        expect((await setup('git')).exitCode).toBe(0);
        expect((await setup('git', '--undo')).exitCode).toBe(0);
      }
    };
    await Promise.all([git(), git(), ours()]);
    const all = Array.from({ length: 40 }, (_, at) => `\tk${at} = v\n`);
    const text = readFileSync(join(user, '.gitconfig'), 'utf8');
    expect(text.split(/(?<=\n)/).toSorted()).toEqual(['[t]\n', ...all].toSorted());
  });

  test('says of the login that was named that it is bound to no host', async () => {
    const { setup } = await createSetupUser();
    expect(await setup('docker', '--login', 'work')).toMatchObject({
      exitCode: 6,
      stderr: 'tokenctl: work: the login is bound to no host (tokenctl hosts work add HOST)\n',
    });
  });

  test('says that kubectl sends nothing to a cluster at an http address', async (context) => {
    need(context, have('kubectl', 'version', '--client'), 'kubectl');
    const { setup, user } = await createSetupUser('127.0.0.1:8080');
    const plain = CLUSTER.replace(SERVER, 'http://127.0.0.1:8080');
    write(join(user, '.kube/config'), plain);
    const { exitCode, stderr } = await setup('kubectl');
    expect([exitCode, stderr]).toEqual([
      0,
      expect.stringMatching(/^tokenctl: warning: the cluster c is at an http address, /),
    ]);
    write(join(user, '.kube/config'), plain.replace('http:', 'https:'));
    expect((await setup('kubectl', '--dry-run')).stderr).toBe('');
  });

  test('finds its place in several kubeconfigs, and undoes one host of two', async (context) => {
    need(context, have('kubectl', 'version', '--client'), 'kubectl');
    const { setup, snapshot, user, env } = await createSetupUser(HOST, 'b.example');
    const [one, two] = [join(user, 'one'), join(user, 'two')];
    env.KUBECONFIG = `${join(user, 'none')}:${one}:${two}`;
    const at = (name: string, server: string) =>
      `- {name: ${name}, cluster: {server: "${server}"}}\n`;
    const clusters = at('a', 'https://b.example/x') + at('c', SERVER);
    writeFileSync(one, `# clusters\nclusters:\n${clusters}`);
    const contexts = '- name: x\n  context: {cluster: a}\n- name: c\n  context:\n    cluster: c\n';
    writeFileSync(two, `contexts:\n${contexts}`);
    const before = snapshot();
    expect((await setup('kubectl')).exitCode).toBe(0);
    expect(readFileSync(one, 'utf8')).toContain('- name: tokenctl');
    expect(readFileSync(two, 'utf8')).toContain('context: {"user": "tokenctl", cluster: a}');
    expect((await setup('kubectl', '--undo', '--host', 'b.example')).exitCode).toBe(0);
    expect(readFileSync(one, 'utf8')).toContain('- name: tokenctl');
    expect(readFileSync(two, 'utf8')).toContain('context: {cluster: a}');
    expect(readFileSync(two, 'utf8')).toContain('    user: tokenctl\n');
    expect((await setup('kubectl', '--undo')).exitCode).toBe(0);
    expect(snapshot()).toEqual(before);
  });

  test('keeps a second name of the file from being a trap', async () => {
    const { setup, user } = await createSetupUser(HOST);
    const file = join(user, '.gitconfig');
    writeFileSync(file, '[user]\n');
    linkSync(file, join(user, 'second'));
    await setup('git');
    await setup('git', '--undo');
    expect(readFileSync(file, 'utf8')).toBe('[user]\n');
    expect(readFileSync(join(user, 'second'), 'utf8')).toBe('[user]\n');
  });
});

test.each([
  ['git', '--user', 'kubectl'],
  ['docker', '--registry', 'cargo'],
  ['kubectl', '--index', 'cargo'],
])('setup %s does not take %s, which is for %s', async (tool, option, of) => {
  const user = await createSetupUser('git.example.com');
  const { exitCode, stderr } = await user.setup(tool, option, 'x');
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`${option} is for ${of}`)]);
  expect(user.snapshot()).toEqual({});
});
