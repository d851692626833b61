import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parse, TomlError } from 'smol-toml';
import { TokenctlError } from '../errors.ts';
import { TomlPositions } from '../toml-positions.ts';
import { isAt } from './address.ts';
import { type Edit, eolOf, lineBefore, lineBreakAfter, nextLine, withoutBom } from './edit.ts';
import { commandFor } from './programs.ts';
import type { Asked, Format, Surroundings, Tool, Want } from './tool.ts';

interface CargoWant extends Want {
  readonly registry: string;
  /** Of a registry that is made; null for one that is there. */
  readonly index: string | null;
  readonly provider: readonly string[];
}

type Members = Readonly<Record<string, unknown>>;

const PROVIDER = 'credential-provider';

/** https://doc.rust-lang.org/cargo/reference/config.html#registriesnamecredential-provider */
const format: Format<CargoWant> = {
  encoding: 'utf8',
  parse: (text) => {
    try {
      const data = parse(withoutBom(text), { integersAsBigInt: 'asNeeded' });
      registriesOf(data);
      return data;
    } catch (error) {
      if (error instanceof TokenctlError) {
        throw error;
      }
      // Its message repeats the source.
      const where = error instanceof TomlError ? ` (line ${error.line})` : '';
      throw new TokenctlError('refused', `is not TOML${where}`, {
        hint: 'cargo cannot read it either',
      });
    }
  },
  same: (a, b) => isDeepStrictEqual(plain(a), plain(b)),
  apply: (data, { registry, index, provider }) => {
    const registries = registriesOf(data);
    const table = registries[registry] ?? { index };
    const changed = { ...table, [PROVIDER]: [...provider] };
    return { ...(data as Members), registries: { ...registries, [registry]: changed } };
  },
  isDone: (data, { registry, provider }) =>
    isDeepStrictEqual(registriesOf(data)[registry]?.[PROVIDER], [...provider]),
  edits: (text, want) => {
    const table = registriesOf(format.parse(text))[want.registry];
    if (table === undefined) {
      return [appended(text, want)];
    }
    return Object.hasOwn(table, PROVIDER) ? replaced(text, want) : [besideIndex(text, want)];
  },
  // Nothing but a person writes this file.
  remove: () => null,
  isRemoval: () => false,
  byHand: (want) => newTable(want),
};

export const cargo: Tool<CargoWant> = {
  format,
  newMode: 0o666,
  takesLogin: true,
  usesLockFile: false,
  plan: (asked, surroundings) => {
    const file = configFile(surroundings);
    const registries = registriesOf(surroundings.read(file));
    const command = commandFor('cargo-credential-tokenctl', surroundings);
    const only = asked.login === undefined ? [] : ['--login', asked.login];
    const provider = [command, ...only];
    const found =
      asked.index === undefined ? existing(registries, asked) : named(registries, asked);
    for (const { registry } of found) {
      const other = registries[registry]?.[PROVIDER];
      if (other !== undefined && !asked.replace && !isOurs(other)) {
        throw new TokenctlError('refused', `${registry} has another ${PROVIDER} in ${file}`, {
          hint: 'tokenctl setup cargo --replace takes its place, and --undo puts it back',
        });
      }
    }
    const wirings = found.map(({ registry, host, index }) => ({
      file,
      hosts: [host],
      want: { slot: registry, registry, index, provider },
    }));
    return { wirings, notes: [] };
  },
};

interface Found {
  readonly registry: string;
  readonly host: string;
  readonly index: string | null;
}

const existing = (registries: Registries, { hosts, registry: only, isNamed }: Asked): Found[] => {
  const found = hosts.map(({ host }) => ({
    host,
    names: Object.keys(registries).filter(
      (name) =>
        (only === undefined || only === name) && isAt(host, addressOf(registries[name]?.index)),
    ),
  }));
  const missing = found.find(({ names }) => names.length === 0);
  if (missing !== undefined && (isNamed || found.every(({ names }) => names.length === 0))) {
    throw new TokenctlError(
      'refused',
      `no registry${only === undefined ? '' : ` ${only}`} at ${missing.host} is configured`,
      {
        hint: `tokenctl setup cargo --registry NAME --index sparse+https://${missing.host}/…/`,
      },
    );
  }
  return found.flatMap(({ host, names }) =>
    names.map((registry) => ({ registry, host, index: null })),
  );
};

const named = (registries: Registries, { hosts, registry, index = '' }: Asked): Found[] => {
  if (registry === undefined || !/^[A-Za-z][\w-]{0,63}$/.test(registry)) {
    throw new TokenctlError('usage', '--index needs --registry NAME (letters, digits, - and _)');
  }
  const at = hosts.find(({ host }) => isAt(host, addressOf(index)));
  if (at === undefined || /[\u0000-\u001f"\\]/.test(index)) {
    throw new TokenctlError('refused', 'no login is bound to the host of --index', {
      hint: 'tokenctl hosts NAME add HOST',
    });
  }
  const there = registries[registry];
  if (there !== undefined && there.index !== index) {
    throw new TokenctlError('refused', `the registry ${registry} has another index`, {
      hint: 'another name: --registry NAME',
    });
  }
  return [{ registry, host: at.host, index: there === undefined ? index : null }];
};

const addressOf = (index: unknown): string =>
  typeof index === 'string' ? index.replace(/^sparse\+/, '') : '';

/** Of two files cargo reads the one of before. */
const configFile = ({ env, home }: Surroundings): string => {
  const directory = env.CARGO_HOME || join(home, '.cargo');
  const legacy = join(directory, 'config');
  return existsSync(legacy) ? legacy : join(directory, 'config.toml');
};

type Registries = Readonly<Record<string, Members>>;

const registriesOf = (data: unknown): Registries => {
  const { registries = {} } = data as { registries?: unknown };
  if (!isTable(registries) || !Object.values(registries).every(isTable)) {
    throw new TokenctlError('refused', 'has registries that are no tables', {
      hint: 'cargo cannot read it either',
    });
  }
  return registries as Registries;
};

/** The parser's tables have no prototype. */
const plain = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(plain)
    : isTable(value) && !(value instanceof Date)
      ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]))
      : value;

const isTable = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isOurs = (provider: unknown): boolean =>
  Array.isArray(provider) &&
  typeof provider[0] === 'string' &&
  /(^|[\\/])cargo-credential-tokenctl$/.test(provider[0]);

const appended = (text: string, want: CargoWant): Edit => {
  const lines = `${withoutBom(text) === '' ? '' : '\n'}${newTable(want)}`;
  const added = lineBreakAfter(text) + lines.replaceAll('\n', eolOf(text));
  return { offset: text.length, removed: '', added };
};

/** In the form in which `index` is written: a line, a line with a dotted key, or a member in braces. */
const besideIndex = (text: string, want: CargoWant): Edit => {
  const offset = offsetOf(text, ['registries', want.registry, 'index']);
  const before = lineBefore(text, offset);
  if (!/^[\w."' \t-]*$/.test(before) || before.includes('=')) {
    return { offset, removed: '', added: `${line(want)}, ` };
  }
  const at = nextLine(text, offset);
  const eol = eolOf(text);
  const own = `${before}${line(want)}`;
  const added = text.endsWith('\n', at) ? `${own}${eol}` : `${eol}${own}`;
  return { offset: at, removed: '', added };
};

const replaced = (text: string, want: CargoWant): Edit[] => {
  const offset = offsetOf(text, ['registries', want.registry, PROVIDER]);
  const pattern = /["']?credential-provider["']?[ \t]*=[ \t]*(\[[^\]\n]*\]|"[^"\n]*"|'[^'\n]*')/y;
  pattern.lastIndex = offset;
  const [removed] = pattern.exec(text) ?? [];
  return removed === undefined ? [] : [{ offset, removed, added: line(want) }];
};

const offsetOf = (text: string, path: readonly string[]): number => {
  const { line: number, column } = new TomlPositions(text).find(path);
  const before = text.split('\n').slice(0, number - 1);
  return before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
};

const line = ({ provider }: CargoWant): string =>
  `${PROVIDER} = [${provider.map(quoted).join(', ')}]`;

const newTable = (want: CargoWant): string => {
  const index = want.index === null ? '' : `index = ${quoted(want.index)}\n`;
  return `[registries.${keyOf(want.registry)}]\n${index}${line(want)}\n`;
};

const keyOf = (name: string): string => (/^[\w-]+$/.test(name) ? name : quoted(name));

const quoted = (text: string): string => JSON.stringify(text);
