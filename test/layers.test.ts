import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { providers } from '../src/providers/providers.ts';

const SRC = resolve(import.meta.dirname, '../src');

/** Imports point down this list only, or stay within a layer. A folder stands for all that is in it. */
const LAYERS: readonly (readonly string[])[] = [
  ['cli'],
  ['index.ts', 'setup', 'serve', 'demo'],
  ['tasks', 'login', 'fetch'],
  [
    ...[
      'token-manager.ts',
      'create-token-manager.ts',
      'story.ts',
      'spend.ts',
      'send.ts',
      'stake.ts',
      'keep.ts',
      'note-failure.ts',
    ],
    ...['recommit.ts', 'attempt.ts', 'change-record.ts', 'own-refresh.ts', 'messages.ts'],
    ...['user-providers.ts', 'logout.ts', 'logout-record.ts'],
    ...['import-tokens.ts', 'import-credential.ts', 'token.ts', 'token-set.ts', 'traced-store.ts'],
    ...['open-secrets.ts', 'claim-record.ts', 'keep-apart.ts', 'bound-logins.ts'],
  ],
  ['store', 'oauth', 'audit'],
  ['providers', 'protocols', 'import', 'lock', 'decide.ts', 'refresh-outcome.ts'],
  [
    'credential.ts',
    'kept.ts',
    'fresh-line.ts',
    'record-format.ts',
    'record-extras.ts',
    'record-parser.ts',
    'json-members.ts',
    ...['config.ts', 'config-file.ts', 'config-table.ts', 'toml-positions.ts'],
    'paths.ts',
    'hosts',
  ],
  ['platform', 'secret.ts', 'errors.ts', 'trace.ts'],
];

/** Run as a process of its own, with a stdin and a stdout of its own. */
const OWN_PROGRAMS = ['demo/naive-client.ts', 'store/keychain-child.ts'];

interface Import {
  readonly from: string;
  readonly kind: 'static' | 'type' | 'dynamic';
}

const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  .sort();
const CODE = new Map(FILES.map((path) => [path, withoutComments(join(SRC, path))]));
const IMPORTS = new Map(FILES.map((path) => [path, importsOf(CODE.get(path) ?? '')]));

describe('imports', () => {
  it('are found at all', () => {
    expect(IMPORTS.get('cli/program.ts')).toContainEqual({
      from: 'commander',
      kind: 'static',
    });
    expect(IMPORTS.get('create-token-manager.ts')).toContainEqual({
      from: './oauth/refresh.ts',
      kind: 'dynamic',
    });
    expect(IMPORTS.get('import-credential.ts')).toContainEqual({
      from: './credential.ts',
      kind: 'static',
    });
    expect(IMPORTS.get('lock/judge.ts')).toContainEqual({
      from: './lease-name.ts',
      kind: 'static',
    });
    expect(IMPORTS.get('index.ts')).toContainEqual({ from: './token.ts', kind: 'type' });
  });

  it.each(FILES)('of %s point down', (path) => {
    const layer = layerOf(path);
    const up = localImports(path).filter((target) => layerOf(target) < layer);
    expect(up).toEqual([]);
  });

  it('lead to files that are there, by their whole name', () => {
    const missing = FILES.flatMap((path) =>
      localImports(path)
        .filter((target) => !CODE.has(target))
        .map((target) => `${path}: ${target}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('a fresh get', () => {
  const loaded = reachable(['cli/main.ts', 'cli/plain-get.ts']);

  it('loads the record and the decision', () => {
    expect(loaded).toContain('record-parser.ts');
    expect(loaded).toContain('decide.ts');
  });

  it('loads nothing that speaks OAuth', () => {
    expect(loaded.filter((path) => path.startsWith('oauth/'))).toEqual([]);
  });

  it('loads no configuration: a record says all', () => {
    expect(FILES).toContain('config.ts');
    expect(loaded.filter((path) => /config|toml|provider/.test(path))).toEqual([]);
  });

  it('loads nothing that signs in', () => {
    expect(loaded.filter((path) => path.startsWith('login/'))).toEqual([]);
  });

  it('loads nothing that sends requests of users', () => {
    expect(loaded.filter((path) => path.startsWith('fetch/'))).toEqual([]);
    const library = reachable(['index.ts']).filter((path) => path.startsWith('fetch/'));
    expect(library).toEqual(['fetch/token-manager.ts']);
  });

  it('loads nothing of debug mode', () => {
    expect(loaded).toContain('cli/debug-mode.ts');
    expect(loaded).not.toContain('cli/debug.ts');
    expect(loaded).not.toContain('traced-store.ts');
  });

  it('loads no package but what finds its files', () => {
    const packages = loaded
      .flatMap((path) => IMPORTS.get(path) ?? [])
      .filter(({ from, kind }) => kind === 'static' && !/^(\.|node:)/.test(from))
      .map(({ from }) => from);
    expect([...new Set(packages)].sort()).toEqual(['env-paths']);
  });
});

describe('a fresh exec', () => {
  const loaded = reachable(['cli/main.ts', 'cli/plain-exec.ts']);

  it('loads nothing that speaks OAuth, and no configuration', () => {
    expect(loaded).toContain('cli/child.ts');
    expect(loaded.filter((path) => /^oauth\/|config|toml|provider/.test(path))).toEqual([]);
  });
});

describe('only the command line', () => {
  it.each(FILES.filter((path) => !path.startsWith('cli/') && !OWN_PROGRAMS.includes(path)))(
    'has a stdout, an exit and arguments, and not %s',
    (path) => {
      expect(CODE.get(path)).not.toMatch(
        /process\.(stdout|stderr|stdin|exit|exitCode|argv|abort)\b|\bconsole\.(?:log|info|warn|error|debug|dir|table|trace)\b/,
      );
      expect(CODE.get(path)).not.toMatch(/from 'node:(process|console|readline)/);
    },
  );
});

describe('what is particular to a provider', () => {
  // One of them is called x, and so are many variables; linear, notion and zoom are words, but not ours.
  const names = Object.keys(providers).filter((name) => name.length > 1);
  const NAMES = new RegExp(`${names.join('|')}|\\bx\\.com\\b`, 'i');

  it('is looked for by name', () => {
    expect(names).toHaveLength(Object.keys(providers).length - 1);
    expect(`https://api.${'x.com'}/2`).toMatch(NAMES);
  });

  it.each(FILES.filter((path) => !path.startsWith('providers/')))(
    'is data in providers/, and its name is not in %s',
    (path) => {
      const lines = (CODE.get(path) ?? '')
        .split('\n')
        // What a person reads in --help may have an example in it.
        .filter(
          (line) =>
            !(
              path.startsWith('cli/') &&
              /^ .*\btokenctl (get|exec|curl|import|login|providers|logout) /.test(line)
            ),
        );
      expect(lines.filter((line) => NAMES.test(line))).toEqual([]);
    },
  );
});

function layerOf(path: string): number {
  const layer = LAYERS.findIndex((members) =>
    members.some((member) => path === member || path.startsWith(`${member}/`)),
  );
  if (layer === -1) {
    throw new Error(`${path} has no layer yet: say in this test where it belongs`);
  }
  return layer;
}

function localImports(path: string): string[] {
  return (IMPORTS.get(path) ?? [])
    .filter(({ from }) => from.startsWith('.'))
    .map(({ from }) => relative(SRC, resolve(SRC, dirname(path), from)).replaceAll('\\', '/'));
}

/** All that is loaded with these files before a line of them has run. */
function reachable(entries: readonly string[]): string[] {
  const found = new Set<string>();
  const queue = [...entries];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (found.has(path)) {
      continue;
    }
    found.add(path);
    for (const { from, kind } of IMPORTS.get(path) ?? []) {
      if (kind === 'static' && from.startsWith('.')) {
        queue.push(relative(SRC, resolve(SRC, dirname(path), from)).replaceAll('\\', '/'));
      }
    }
  }
  return [...found].sort();
}

function importsOf(code: string): Import[] {
  const statements = code.matchAll(
    /^(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm,
  );
  const dynamic = code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g);
  return [
    ...Array.from(
      statements,
      ([, type, from, bare]): Import => ({
        from: from ?? bare ?? '',
        kind: type === undefined ? 'static' : 'type',
      }),
    ),
    ...Array.from(dynamic, ([, from]): Import => ({ from: from ?? '', kind: 'dynamic' })),
  ];
}

/** Comments may name whom they like. */
function withoutComments(path: string): string {
  return readFileSync(path, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1');
}
