/**
 * Every option of exec: the member that it sets, what it takes (nothing, if empty), whether it may come
 * again, and what it is for.
 */
export const EXEC_OPTIONS = {
  '--env': [
    'env',
    '<[NAME=]VARIABLE>',
    true,
    'put the token of NAME into this variable (else of each NAME in its turn)',
  ],
  '--file': [
    'file',
    '<[NAME=]VARIABLE>',
    true,
    'put the token into a file that is kept fresh, and its path into this variable',
  ],
  '--min-ttl': [
    'minTtl',
    '<DURATION>',
    false,
    'renew if it is valid for less than this at the start',
  ],
  '--timeout': ['timeout', '<DURATION>', false, 'how long to wait for others'],
  '--json': ['json', '', false, 'print errors as JSON'],
} as const satisfies Record<
  string,
  readonly [member: keyof ExecArguments, value: string, many: boolean, string]
>;

export interface ExecArguments {
  env: readonly string[];
  file: readonly string[];
  minTtl?: string;
  timeout: string;
  json?: true;
}

export const EXEC_DEFAULTS: ExecArguments = { env: [], file: [], timeout: '30s' };

/**
 * The arguments of an `exec` before its `--`, read without commander, as those of a `get` are
 * (`get-options.ts`). null for all that is not plainly names and known options.
 */
export const parseExecArguments = (
  args: readonly string[],
): { names: readonly string[]; options: ExecArguments } | null => {
  const options: Record<string, unknown> = { ...EXEC_DEFAULTS };
  const names: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (!arg.startsWith('-')) {
      names.push(arg);
      continue;
    }
    if (!Object.hasOwn(EXEC_OPTIONS, arg)) {
      return null;
    }
    const [member, value, many] = EXEC_OPTIONS[arg as keyof typeof EXEC_OPTIONS];
    if (value === '') {
      options[member] = true;
      continue;
    }
    index += 1;
    const given = args[index];
    if (given === undefined || given.startsWith('-')) {
      return null;
    }
    options[member] = many ? [...(options[member] as string[]), given] : given;
  }
  return names.length === 0 ? null : { names, options: options as unknown as ExecArguments };
};
