import type { Command } from 'commander';
import { buildProgram } from './program.ts';

/** A manual page for each command, by its file's name: what --help says, as man(1) wants it. */
export const manPages = async (version: string): Promise<Map<string, string>> => {
  const program = await buildProgram([]);
  const commands = program.commands.filter((command) => command.name() !== 'help');
  return new Map(
    [program, ...commands].map((command) => [
      `${pageOf(command)}.1`,
      manPage(command, command === program ? commands : [], version),
    ]),
  );
};

const pageOf = (command: Command): string =>
  command.parent === null ? command.name() : `${command.parent.name()}-${command.name()}`;

const manPage = (command: Command, commands: readonly Command[], version: string): string => {
  const called = command.parent === null ? command.name() : `tokenctl ${command.name()}`;
  return `${[
    `.TH ${pageOf(command).toUpperCase()} 1 "" "tokenctl ${version}" "tokenctl"`,
    '.SH NAME',
    `${pageOf(command)} \\- ${roff(command.summary() || command.description())}`,
    '.SH SYNOPSIS',
    `.B ${called}`,
    roff(command.usage()),
    '.SH DESCRIPTION',
    ...command.description().split('\n').map(roff),
    ...section(
      'COMMANDS',
      commands.map((each) => item(pageOf(each), each.summary(), '(1)')),
    ),
    ...section(
      'ARGUMENTS',
      command.registeredArguments.map((each) => item(each.name(), each.description)),
    ),
    ...section(
      'OPTIONS',
      command.options.map((each) => item(each.flags, each.description)),
    ),
    ...afterwards(command),
    '.SH SEE ALSO',
    command.parent === null ? 'https://www.rfc-editor.org/rfc/rfc6749' : '.BR tokenctl (1)',
  ].join('\n')}\n`;
};

const section = (title: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : [`.SH ${title}`, ...items];

const item = (name: string, text: string, more = ''): string =>
  `.TP\n\\fB${roff(name)}\\fR${more}\n${roff(text)}`;

/** What --help has after its lists: examples, and what there is to know, before them or after. */
const afterwards = (command: Command): string[] => {
  let help = '';
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  const [notes = '', examples = ''] = help
    .slice(command.helpInformation().length)
    .split(/^Examples?:\n/m);
  return [...asItIs('NOTES', notes), ...asItIs('EXAMPLES', examples)];
};

const asItIs = (title: string, text: string): string[] =>
  text.trim() === ''
    ? []
    : [
        `.SH ${title}`,
        '.nf',
        ...text
          .replace(/^\n+|\n+$/g, '')
          .split('\n')
          .map(roff),
        '.fi',
      ];

/** A line may not begin with a control character, and a hyphen is to be copied as one. */
const roff = (text: string): string =>
  text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/^(?=[.'])/gm, '\\&')
    .trimEnd();
