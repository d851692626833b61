import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, ROOT } from '../bench.ts';
import type { Command } from '../shell-loop.ts';
import { run } from './run.ts';

/** Commands made of npm packages. They are installed when they are measured, and no part of this project. */
export const NPM_PEERS = ['refresh-guard', 'proper-lockfile'] as const;
export type NpmPeer = (typeof NPM_PEERS)[number];

/**
 * The peer as a command that prints a valid access token of a credential file.
 *
 * @throws {Error} if npm cannot install it, offline for example
 */
export const npmCommand = async (bench: Bench, peer: NpmPeer, file: string): Promise<Command> => {
  installed ??= install(bench);
  return { argv: [process.execPath, join(await installed, `${peer}.mjs`), file] };
};

let installed: Promise<string> | undefined;

const install = async (bench: Bench): Promise<string> => {
  const directory = bench.directory('disk');
  await writeFile(join(directory, 'package.json'), '{"private":true}\n');
  const quiet = ['--silent', '--no-audit', '--no-fund', '--ignore-scripts'];
  await run(['npm', 'install', ...quiet, '--prefix', directory, ...NPM_PEERS], {
    env: process.env,
  });
  for (const script of ['refresh-request', ...NPM_PEERS]) {
    await copyFile(join(ROOT, 'bench', 'peers', `${script}.mjs`), join(directory, `${script}.mjs`));
  }
  return directory;
};

/** A credential file as all who have no format of their own keep it. */
export const writeCredential = (file: string, tokens: object, expiresAt: number): Promise<void> =>
  writeFile(file, JSON.stringify({ ...tokens, expires_at: expiresAt }), { mode: 0o600 });
