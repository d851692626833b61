import { Command } from 'commander';
import { exec } from '../exec.ts';
import { EXEC_DEFAULTS, EXEC_OPTIONS, type ExecArguments } from '../exec-options.ts';

export const command = (behind: readonly string[] | null): Command => {
  const command = new Command('exec')
    .summary('run a program with the token in its environment')
    .description(
      'Run a program with an access token that is valid now in its environment, of\n' +
        'one login or of several: in the variable where the tools of its provider look\n' +
        '(tokenctl providers NAME), or where --env says. It ends as the program ends.\n' +
        'What fails before that ends with 125, and the program is not started. One that\n' +
        'runs for longer than a token lives reads the token from a file: --file.',
    )
    .usage('<NAME...> [options] -- PROGRAM [ARGUMENT...]')
    .argument('<NAME...>', 'the logins')
    .addHelpText('after', HELP)
    .action((names: readonly string[], options: Partial<ExecArguments>) =>
      exec(names, { ...EXEC_DEFAULTS, ...options }, behind),
    );
  for (const [flag, [member, value, many, description]] of Object.entries(EXEC_OPTIONS)) {
    const flags = `${flag} ${value}`.trim();
    if (many) {
      command.option(flags, description, append);
    } else {
      command.option(flags, description, member === 'timeout' ? EXEC_DEFAULTS.timeout : undefined);
    }
  }
  return command;
};

const append = (given: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  given,
];

const HELP = `
Examples:
  tokenctl exec github -- gh pr list        # in GITHUB_TOKEN, where gh looks
  tokenctl exec work --env API_TOKEN --min-ttl 10m -- ./deploy.sh
  tokenctl exec work ci --env ci=CI_TOKEN --env work=API_TOKEN -- make release
  tokenctl exec work --file API_TOKEN_FILE -- ./server      # reads it again when it needs it
  tokenctl exec work --env TOKEN -- sh -c 'printf %s "$TOKEN" | wc -c'

The file is readable by you only, in memory where there is a file system in
memory ($XDG_RUNTIME_DIR, /dev/shm), else in the temporary directory. It holds
the token and nothing else, is replaced by rename when the token is renewed, by
whomever, and removed when the program ends. A login with --file and no --env
has its path in the environment, and not its token.

Exit codes: the program's own; 125 tokenctl failed, 126 the program cannot be
  executed, 127 there is no such program.`;
