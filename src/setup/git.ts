import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { TokenctlError } from '../errors.ts';
import { isLoopbackHost, parseAuthority } from '../hosts/authority.ts';
import { eolOf, lineBreakAfter, onlyOffset } from './edit.ts';
import { commandFor, isOnPath, shellWord } from './programs.ts';
import type { Format, Surroundings, Tool, Want } from './tool.ts';
import { withUnnamedFile } from './unnamed-file.ts';

interface GitWant extends Want {
  readonly url: string;
  readonly helper: string;
  readonly usePath: boolean;
}

/**
 * gitcredentials(7). Written at the end of the file, so that no helper of it comes later: git offers what
 * one helper gave to all that come after the last empty one. git itself reads what was written.
 */
const format: Format<GitWant> = {
  // What is not ours may be in any encoding.
  encoding: 'latin1',
  parse: (text) => {
    const { stdout, status, error } = withUnnamedFile(Buffer.from(text, 'latin1'), (stdin) =>
      // What is read from stdin would bring its includes along, and a relative one is an error there.
      spawnSync('git', ['config', '--no-includes', '--file', '-', '--list', '--null'], {
        stdio: [stdin, 'pipe', 'ignore'],
        // Of a repository around us nothing matters.
        ...{ cwd: '/', encoding: 'latin1', maxBuffer: 2 ** 26 },
      }),
    );
    if (error !== undefined || status !== 0) {
      throw new TokenctlError('refused', 'git cannot read it', {
        hint: 'git config --global --list says where it is wrong',
      });
    }
    return stdout.split('\0').slice(0, -1);
  },
  same: (a, b) => isDeepStrictEqual((a as string[]).toSorted(), (b as string[]).toSorted()),
  apply: (data, want) => [...(data as string[]), ...entriesOf(want)],
  isDone: (data, want) => {
    const [none, ours, ...path] = entriesOf(want);
    const entries = data as string[];
    const chain = entries.slice(entries.lastIndexOf(none ?? ''));
    return (
      entries.includes(none ?? '') &&
      chain.includes(ours ?? '') &&
      path.every((entry) => entries.includes(entry))
    );
  },
  isOvertaken: (data, want) => {
    const entries = data as string[];
    const later = entries.slice(entries.lastIndexOf(entriesOf(want)[1] ?? '') + 1);
    return later.some((entry) => decidesHelpers(entry, want.url));
  },
  edits: (text, want) => {
    const added = `${lineBreakAfter(text)}${section(want).replaceAll('\n', eolOf(text))}`;
    return [{ offset: text.length, removed: '', added }];
  },
  // Somebody wrote below our header, which then stays.
  remove: (text, _want, edit) => {
    const header = edit === undefined ? -1 : edit.added.indexOf(']') + 1;
    const body = edit?.added.slice(header).replace(/^\r?\n/, '') ?? '';
    const offset = onlyOffset(text, body);
    return offset === null ? null : { offset, removed: body, added: '' };
  },
  isRemoval: (before, after, want) =>
    format.same(format.apply(format.parse(after), want), format.parse(before)),
  byHand: section,
};

export const git: Tool<GitWant> = {
  format,
  newMode: 0o666,
  takesLogin: true,
  usesLockFile: true,
  plan: ({ hosts, login }, surroundings) => {
    if (!isOnPath('git', surroundings.env)) {
      throw new TokenctlError('refused', 'git is not on PATH', { hint: 'install git' });
    }
    const file = globalFile(surroundings);
    const command = shellWord(commandFor('tokenctl', surroundings));
    const only = login === undefined ? '' : ` --login ${login}`;
    const helper = `!${command} credential git${only}`;
    return {
      wirings: hosts.flatMap(({ host, scheme, hasPath }) =>
        schemesOf(host, scheme).map((protocol) => {
          const url = `${protocol}://${host}`;
          return { file, hosts: [host], want: { slot: url, url, helper, usePath: hasPath } };
        }),
      ),
      notes: [],
    };
  },
};

/** Without TLS on this machine only, and then both are as good. */
const schemesOf = (host: string, said: string | undefined): readonly string[] =>
  said !== undefined
    ? [said]
    : isLoopbackHost(parseAuthority(host)?.host ?? '')
      ? ['https', 'http']
      : ['https'];

/** What `git config --global` writes to: git-config(1), FILES. */
const globalFile = ({ env, home }: Surroundings): string => {
  const chosen = env.GIT_CONFIG_GLOBAL;
  if (chosen !== undefined && chosen !== '') {
    return chosen;
  }
  const xdg = env.XDG_CONFIG_HOME;
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(home, '.config');
  const [ours, other] = [join(home, '.gitconfig'), join(base, 'git', 'config')];
  return !isReadable(ours) && isReadable(other) ? other : ours;
};

const isReadable = (path: string): boolean => {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
};

/** As git lists them. The empty helper keeps others from being asked, and from storing the token. */
const entriesOf = ({ url, helper, usePath }: GitWant): string[] => [
  `credential.${url}.helper\n`,
  `credential.${url}.helper\n${latin1(helper)}`,
  ...(usePath ? [`credential.${url}.usehttppath\ntrue`] : []),
];

/** A helper for this address: one that is given the token to store, or none, which ends the list. */
const decidesHelpers = (entry: string, url: string): boolean => {
  const [key = ''] = entry.split('\n', 1);
  if (/^include(?:if\..*)?\.path$/s.test(key)) {
    return true;
  }
  const [isHelper, pattern = '*'] = /^credential\.(?:(.*)\.)?helper$/s.exec(key) ?? [];
  // Of what is no plain address git knows whether it matches: an asterisk, or a host alone.
  const other = pattern.includes('*') || !URL.canParse(pattern) ? 'null' : new URL(pattern).origin;
  return isHelper !== undefined && (other === 'null' || other === new URL(url).origin);
};

function section({ url, helper, usePath }: GitWant): string {
  const lines = ['helper =', `helper = ${quoted(latin1(helper))}`];
  const all = usePath ? [...lines, 'useHttpPath = true'] : lines;
  return `[credential "${url}"]\n${all.map((line) => `\t${line}\n`).join('')}`;
}

const quoted = (value: string): string =>
  /["\\;#]|^\s|\s$/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value;

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
