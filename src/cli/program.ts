import { Command, CommanderError } from 'commander';
import { abbreviated, TokenctlError } from '../errors.ts';
import { isDebugMode, setDebugMode } from './debug-mode.ts';
import { reportError } from './report.ts';
import { lacksDashes, ownExitCode, splitArguments } from './wrapping.ts';

declare const TOKENCTL_VERSION: string;

/** @param behind what is behind `--`, for commands that run another program */
type MakeCommand = (behind: readonly string[] | null) => Command;

/** Each command in a file of its own, loaded when it is called (all of them for --help). */
const COMMANDS: Readonly<Record<string, () => Promise<{ command: MakeCommand }>>> = {
  login: () => import('./commands/login.ts'),
  import: () => import('./commands/import.ts'),
  get: () => import('./commands/get.ts'),
  exec: () => import('./commands/exec.ts'),
  curl: () => import('./commands/curl.ts'),
  status: () => import('./commands/status.ts'),
  invalidate: () => import('./commands/invalidate.ts'),
  store: () => import('./commands/store.ts'),
  adopt: () => import('./commands/adopt.ts'),
  logout: () => import('./commands/logout.ts'),
  remove: () => import('./commands/remove.ts'),
  hosts: () => import('./commands/hosts.ts'),
  credential: () => import('./commands/credential.ts'),
  setup: () => import('./commands/setup.ts'),
  providers: () => import('./commands/providers.ts'),
  demo: () => import('./commands/demo.ts'),
};
const ALIASES: Readonly<Record<string, string>> = { list: 'status' };

/** Runs the command that these arguments name. */
export const runProgram = async (args: readonly string[]): Promise<void> => {
  try {
    const program = await buildProgram(args);
    await program.parseAsync(splitArguments(args).own, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      throw error;
    }
    process.exitCode = usageExitCode(error, args);
  }
};

export const buildProgram = async (args: readonly string[]): Promise<Command> => {
  const program = new Command('tokenctl')
    .description('One OAuth login, shared by any number of processes, that never breaks itself.')
    .version(TOKENCTL_VERSION, '-V, --version', 'print the version')
    .option('--debug', 'tell on stderr, step by step, what happens (or set TOKENCTL_DEBUG=1)')
    .on('option:debug', setDebugMode)
    .hook('preAction', async (_, command) => {
      if (isDebugMode()) {
        (await import('./debug.ts')).startDebugging(TOKENCTL_VERSION, command.name());
      }
    })
    .helpCommand('help [COMMAND]', 'show help for a command')
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('after', HELP);
  for (const load of commandsFor(args)) {
    program.addCommand((await load()).command(splitArguments(args).behind));
  }
  for (const command of [program, ...program.commands]) {
    command
      .helpOption('-h, --help', 'show this help')
      .exitOverride()
      .configureOutput({ writeErr: () => {} });
  }
  return program;
};

const HELP = `
Examples:
  tokenctl login github --client-id ID          sign in
  tokenctl import github < tokens.json          take over a login that you have
  tokenctl get github                           print an access token that is valid now
  curl -H "$(tokenctl get github --header)" …   use it
  tokenctl exec github -- gh pr list            run a program with it
  tokenctl status                               what is held, and how fresh

Exit codes: 0 done, 2 usage, 3 no such login, 4 login required, 5 not now,
  6 refused, 7 paused, 8 new token not saved. See the README for what a script does.`;

/** Only the command that is called; all of them where a person looks for one. */
const commandsFor = (args: readonly string[]) => {
  const [first = ''] = args;
  const called = COMMANDS[ALIASES[first] ?? first];
  return called !== undefined && Object.hasOwn(COMMANDS, ALIASES[first] ?? first)
    ? [called]
    : Object.values(COMMANDS);
};

/** commander's own errors: help and version are none, the rest is usage. */
const usageExitCode = (error: CommanderError, args: readonly string[]): number => {
  if (error.exitCode === 0) {
    return 0;
  }
  const message =
    error.code !== 'commander.help'
      ? withoutStrays(error.message.replace(/^error: /, '').replaceAll('\n', ' '))
      : args[0] === 'help'
        ? 'there is no such command'
        : 'a command is missing';
  const usage = new TokenctlError('usage', message, { hint: usageHint(error, args) });
  return ownExitCode(args, reportError(usage, splitArguments(args).own.includes('--json')));
};

const usageHint = ({ code }: CommanderError, args: readonly string[]): string => {
  const called = args.find((arg) => !arg.startsWith('-')) ?? '';
  const name = ALIASES[called] ?? called;
  if (!Object.hasOwn(COMMANDS, name)) {
    return 'tokenctl --help';
  }
  // Most often it is an option of the other program.
  return code === 'commander.unknownOption' && lacksDashes(args)
    ? `what is for ${name === 'curl' ? name : 'the program'} comes behind --: tokenctl ${name} --help`
    : `tokenctl ${name} --help`;
};

/** commander repeats what it does not know; see {@link abbreviated}. */
const withoutStrays = (message: string): string => message.replace(/[^\s'=]+/g, abbreviated);
