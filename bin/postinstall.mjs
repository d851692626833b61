import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Makes the installed `tokenctl` the launcher, which prints a fresh token without starting Node.js.
 *
 * package.json names tokenctl.js as the command, for on Windows package managers read its first line
 * to find out what to run it with, and `sh` is nothing to run there. On POSIX it is replaced by a file
 * that is both: a shell script to the kernel, and to Node.js, by which some package managers start it
 * whatever its first line says, the same JavaScript with the script in a comment. The same is done with
 * what git and docker start.
 *
 * Where anything is not as expected nothing is changed, and all of it works as it is, only slower.
 */
const directory = dirname(fileURLToPath(import.meta.url));

/** What stands before the arguments, and something that each says of itself. */
const PROGRAMS = {
  'tokenctl.js': { before: '', ask: '--version', said: () => `${version()}\n` },
  'git-credential-tokenctl': {
    before: 'credential git',
    ask: 'capability',
    said: () => 'version 0\ncapability authtype\n',
  },
  'docker-credential-tokenctl': {
    before: 'credential docker',
    ask: 'version',
    said: () => 'docker-credential-tokenctl (tokenctl)\n',
  },
};

const prepared = Object.keys(PROGRAMS).map((name) => ({
  name,
  // Another file under the same name: package managers link one copy to many places.
  file: join(directory, `${basename(name, '.js')}.${process.pid}.js`),
}));

try {
  if (process.platform !== 'win32' && isInstalled()) {
    for (const { name, file } of prepared) {
      writeFileSync(file, compose(read('tokenctl'), PROGRAMS[name].before, read(name)), {
        flag: 'wx',
      });
      chmodSync(file, 0o755);
      requireWorking(file, PROGRAMS[name]);
    }
    for (const { name, file } of prepared) {
      renameSync(file, join(directory, name));
    }
  }
} catch {
  // An optional step that fails must not fail the installation.
  for (const { file } of prepared) {
    try {
      rmSync(file, { force: true });
    } catch {}
  }
}

/** Not a checkout, whose files are not ours to change. */
function isInstalled() {
  return basename(dirname(dirname(directory))) === 'node_modules';
}

function compose(launcher, before, javascript) {
  const script = withArguments(before, withoutFirstLine(launcher, '#!/bin/sh\n'));
  const program = withoutFirstLine(javascript, '#!/usr/bin/env node\n');
  if (script.includes('*/')) {
    throw new Error('the launcher would end the comment that it is in');
  }
  // An assignment to both: the shell takes what follows for its value, JavaScript for a comment.
  return `#!/bin/sh\ntk_javascript=/*\n${script}exit 126\n*/0;\nvar tk_javascript;\n${program}`;
}

/** Where the shell has been made to do as it is told, and nothing has looked at the arguments. */
function withArguments(before, script) {
  const start = 'set +aeuvx\n';
  if (script.split(start).length !== 2) {
    throw new Error('not the launcher that was expected');
  }
  return before === '' ? script : script.replace(start, () => `${start}set -- ${before} "$@"\n`);
}

function withoutFirstLine(text, line) {
  if (!text.startsWith(line)) {
    throw new Error('not the file that was expected');
  }
  return text.slice(line.length);
}

/** Both ways to start it. */
function requireWorking(file, { ask, said }) {
  const run = (program, args) =>
    execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 30_000,
    });
  if (run(file, [ask]) !== said() || run(process.execPath, [file, ask]) !== said()) {
    throw new Error('it does not start');
  }
}

function version() {
  return JSON.parse(read('../package.json')).version;
}

function read(name) {
  return readFileSync(join(directory, name), 'utf8');
}
