import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { type HeldLogin, readBoundLogins } from '../../bound-logins.ts';
import { printable, TokenctlError } from '../../errors.ts';
import { requireLoginName } from '../../paths.ts';
import type { SetupOutcome, SetupRequest } from '../../setup/changing.ts';
import { parseNamedHost } from '../../setup/hosts.ts';
import { setUp, undoSetup } from '../../setup/setup.ts';
import { tools } from '../../setup/tools.ts';
import { parseDuration } from '../duration.ts';
import { print, say } from '../io.ts';
import { reportError } from '../report.ts';
import { changesAsText, linesToAdd, outcomeAsJson } from '../setup-view.ts';

export const command = (): Command =>
  new Command('setup')
    .summary('wire git, docker, kubectl or cargo to tokenctl')
    .description(
      'Make another program ask tokenctl, for the hosts that a login is bound to (tokenctl hosts): write ' +
        'what is missing into its configuration, and leave all else as it is. Once is enough; again does ' +
        'nothing. --undo takes out exactly what was written.',
    )
    .argument('<TOOL>', Object.keys(tools).join(', '))
    .option('--host <HOST...>', 'these only: HOST[:PORT]')
    .option('--login <NAME>', 'only this login may answer; its hosts')
    .option('--replace', 'take the place of another helper, or of a context’s user')
    .option('--user <NAME>', 'kubectl: the name of the user (default: the login, or tokenctl)')
    .option('--registry <NAME>', 'cargo: this registry only')
    .option('--index <URL>', 'cargo: the index of a registry that is not configured yet')
    .option('--dry-run', 'show what would be changed, and change nothing')
    .option('--undo', 'take out what setup wrote, for all hosts or these')
    .option('--json', 'print JSON')
    .option('--timeout <DURATION>', 'how long to wait for others', '30s')
    .addHelpText('after', HELP)
    .action(run);

const HELP = `
What is written, and where:
  git      a helper for each host, in the file that git config --global writes to
  docker   credHelpers in config.json; podman, skopeo and others read it too
  kubectl  a user in the kubeconfig, given to the contexts of clusters at these hosts that have
           none (kubectl 1.20 or later)
  cargo    credential-provider of the registries at these hosts (cargo 1.74 or later)

Examples:
  tokenctl setup git --dry-run                          what would be written, and where
  tokenctl setup git --host git.example.com
  tokenctl setup docker --host registry.example.com:5000
  tokenctl setup kubectl --host k8s.example.com:6443 --login work
  tokenctl setup cargo --registry acme --index sparse+https://crates.example.com/index/
  tokenctl setup git --undo`;

interface Options {
  readonly host?: string[];
  readonly login?: string;
  readonly replace?: true;
  readonly user?: string;
  readonly registry?: string;
  readonly index?: string;
  readonly dryRun?: true;
  readonly undo?: true;
  readonly json?: true;
  readonly timeout: string;
}

/** More would be undone than it says. */
const UNDO_IGNORES = ['login', 'replace', 'user', 'registry', 'index'] as const;

const OF_ONE_TOOL = [
  ['user', 'kubectl'],
  ['registry', 'cargo'],
  ['index', 'cargo'],
] as const;

const run = async (tool: string, options: Options): Promise<void> => {
  const { host: hosts = [], login, user, registry, index } = options;
  const json = options.json ?? false;
  const beside = UNDO_IGNORES.find((name) => options[name] !== undefined);
  if (options.undo && beside !== undefined) {
    throw new TokenctlError('usage', `--undo takes out by host, not by --${beside}`, {
      hint: '--undo --host HOST',
    });
  }
  const strange = OF_ONE_TOOL.find(([name, of]) => options[name] !== undefined && of !== tool);
  if (strange !== undefined && Object.hasOwn(tools, tool)) {
    throw new TokenctlError('usage', `--${strange[0]} is for ${strange[1]}`, {
      hint: 'tokenctl setup --help',
    });
  }
  const request: SetupRequest = {
    ...{ tool, hosts, login, user, registry, index },
    replace: options.replace ?? false,
    dryRun: options.dryRun ?? false,
    timeoutMs: parseDuration(options.timeout, '--timeout'),
    logins: options.undo ? [] : await readLogins(login, json),
    env: process.env,
    program: (name) => fileURLToPath(new URL(`../bin/${FILES[name] ?? name}`, import.meta.url)),
  };
  const outcome = options.undo
    ? await undoSetup(request, hosts.length === 0 ? null : hosts.map(parseNamedHost))
    : await setUp(request);
  await report(outcome, tool, { ...options, json });
};

const readLogins = async (login: string | undefined, json: boolean): Promise<HeldLogin[]> => {
  const logins = await readBoundLogins(undefined, (fault) => {
    reportError(fault, json);
  });
  if (login !== undefined && !logins.some((one) => one.login === login)) {
    // Why it is not among them.
    await readBoundLogins(requireLoginName(login), () => {});
  }
  return logins;
};

/** As dist/ finds them beside it. */
const FILES: Readonly<Record<string, string>> = { tokenctl: 'tokenctl.js' };

const report = async (
  outcome: SetupOutcome,
  tool: string,
  { dryRun, undo, json }: { dryRun?: true; undo?: true; json: boolean },
): Promise<void> => {
  if (outcome.kind === 'by-hand') {
    if (!json) {
      say(linesToAdd(outcome.lines));
    }
    throw new TokenctlError(
      'refused',
      `${outcome.file} cannot be changed without touching something else; nothing was changed`,
      {
        hint: json
          ? 'without --json it shows what to add by hand'
          : 'add by hand what is shown above',
      },
    );
  }
  const { files, hosts, notes, stuck } = outcome;
  for (const note of notes) {
    say(`tokenctl: warning: ${printable(note, 600)}\n`);
  }
  const changes = changesAsText(files);
  if (json) {
    await print(outcomeAsJson(tool, outcome, dryRun ?? false));
  } else if (dryRun) {
    await print(changes);
  } else {
    say(changes);
    await print(summary(tool, hosts, files.length > 0, undo ?? false));
  }
  for (const { path, lines } of stuck) {
    say(linesToAdd(lines.join('')));
    throw new TokenctlError(
      'refused',
      `${path} does not hold any more what was written; left as it is`,
      {
        hint: 'take out by hand what is shown above',
      },
    );
  }
};

const summary = (
  tool: string,
  hosts: readonly string[],
  isChanged: boolean,
  undo: boolean,
): string => {
  if (undo) {
    return isChanged
      ? `${tool} does not ask tokenctl any more for ${hosts.join(', ')}.\n`
      : `${tool}: nothing to undo.\n`;
  }
  return isChanged
    ? `${tool} asks tokenctl for ${hosts.join(', ')} from now on.\n`
    : `${tool} is already set up for ${hosts.join(', ')}.\n`;
};
