import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
    const note = (await answersWithoutNode(bench, command)) ? undefined : 'WENT TO NODE.JS';
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

/** Whether the launcher really answers by itself: then it still does with a `node` that only fails. */
const answersWithoutNode = async (bench: Bench, command: Command): Promise<boolean> => {
  const directory = bench.directory('disk');
  await writeFile(join(directory, 'node'), '#!/bin/sh\nexit 97\n');
  await chmod(join(directory, 'node'), 0o755);
  const PATH = `${directory}:/usr/local/bin:/usr/bin:/bin`;
  return ask({ ...command, env: { ...command.env, PATH } }).status === 0;
};
