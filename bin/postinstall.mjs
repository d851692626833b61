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
 * whatever its first line says, the same JavaScript with the script in a comment.
 *
 * Where anything is not as expected nothing is changed, and `tokenctl` works as it is, only slower.
 */
const directory = dirname(fileURLToPath(import.meta.url));
const target = join(directory, 'tokenctl.js');
const prepared = join(directory, `tokenctl.${process.pid}.js`);

try {
  if (process.platform !== 'win32' && isInstalled()) {
    writeFileSync(prepared, compose(read('tokenctl'), read('tokenctl.js')), { flag: 'wx' });
    // Another file under the same name: package managers link one copy to many places.
    chmodSync(prepared, 0o755);
    requireWorking();
    renameSync(prepared, target);
  }
} catch {
  // An optional step that fails must not fail the installation.
  try {
    rmSync(prepared, { force: true });
  } catch {}
}

/** Not a checkout, whose files are not ours to change. */
function isInstalled() {
  return basename(dirname(dirname(directory))) === 'node_modules';
}

function compose(launcher, javascript) {
  const script = withoutFirstLine(launcher, '#!/bin/sh\n');
  const program = withoutFirstLine(javascript, '#!/usr/bin/env node\n');
  if (script.includes('*/')) {
    throw new Error('the launcher would end the comment that it is in');
  }
  // An assignment to both: the shell takes what follows for its value, JavaScript for a comment.
  return `#!/bin/sh\ntk_javascript=/*\n${script}exit 126\n*/0;\nvar tk_javascript;\n${program}`;
}

function withoutFirstLine(text, line) {
  if (!text.startsWith(line)) {
    throw new Error('not the file that was expected');
  }
  return text.slice(line.length);
}

/** Both ways to start it. */
function requireWorking() {
  const { version } = JSON.parse(read('../package.json'));
  const run = (file, args) =>
    execFileSync(file, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 30_000,
    });
  for (const said of [
    run(prepared, ['--version']),
    run(process.execPath, [prepared, '--version']),
  ]) {
    if (said !== `${version}\n`) {
      throw new Error('it does not start');
    }
  }
}

function read(name) {
  return readFileSync(join(directory, name), 'utf8');
}
