import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { ask, type CaseKind, kindOf, NODE } from '../case.ts';
import { createHome, freshTokens, type Home, requireLauncher, tokenOf } from '../homes.ts';
import { USUAL, USUAL_BY_NODE } from '../names.ts';
import { PEERS } from '../peers/peers.ts';
import type { Command } from '../shell-loop.ts';

/** A fresh token, which is what is asked for most: from us in every form, and from everybody else. */
export const warmKinds = (bench: Bench, manyLogins: () => Promise<Home>): CaseKind[] => {
  const among = `among ${bench.effort.manyLogins.toLocaleString('en')} logins`;
  const forty = () => homeWith(bench, 40);
  return [
    launched(USUAL, 40, forty),
    launched('tokenctl get, 2 KB', 2048, () => homeWith(bench, 2048)),
    launched('tokenctl get, 4 KB', 4096, () => homeWith(bench, 4096)),
    launched(`tokenctl get, ${among}`, 40, manyLogins),
    launched('tokenctl get --header', 40, forty, '--header'),
    byNode(USUAL_BY_NODE, 40, forty),
    byNode('node tokenctl.js get, 2 KB', 2048, () => homeWith(bench, 2048)),
    byNode('node tokenctl.js get, 4 KB', 4096, () => homeWith(bench, 4096)),
    byNode(`node tokenctl.js get, ${among}`, 40, manyLogins),
    byNode('node tokenctl.js get --json', 40, forty, '--json'),
    kindOf(NODE),
    ...PEERS,
  ];
};

const homeWith = async (bench: Bench, length: number): Promise<Home> => {
  const home = createHome(bench, 'memory');
  await home.import('work', freshTokens(tokenOf(length)));
  return home;
};

const launched = (
  name: string,
  length: number,
  open: () => Promise<Home>,
  ...more: readonly string[]
): CaseKind => ({
  name,
  by: 'tokenctl',
  prepare: async (bench) => {
    await requireLauncher();
    const command = (await open()).launched('get', 'work', ...more);
    const note = await withoutNode(bench, command);
    return { command, expected: new RegExp(`${tokenOf(length)}\n$`), note };
  },
});

const byNode = (
  name: string,
  length: number,
  open: () => Promise<Home>,
  ...more: readonly string[]
): CaseKind => ({
  name,
  by: 'tokenctl',
  prepare: async () => ({
    command: (await open()).byNode('get', 'work', ...more),
    expected: new RegExp(tokenOf(length)),
  }),
});

const NO_NODE = 97;

/** What keeps the launcher from answering by itself, with a `node` that does nothing but fail. */
const withoutNode = async (bench: Bench, command: Command): Promise<string | undefined> => {
  const directory = bench.directory('disk');
  await writeFile(join(directory, 'node'), `#!/bin/sh\nexit ${NO_NODE}\n`);
  await chmod(join(directory, 'node'), 0o755);
  const PATH = `${directory}:/usr/local/bin:/usr/bin:/bin`;
  // What was written just now it leaves to Node.js: the clocks that it compares are coarse.
  await setTimeout(100);
  const { status, stderr } = ask({ ...command, env: { ...command.env, PATH } });
  return status === 0
    ? undefined
    : status === NO_NODE
      ? 'WENT TO NODE.JS'
      : `WITHOUT NODE.JS: exit ${status}: ${stderr.trim()}`;
};
