// Bundles the library and the command into dist/.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const SOURCE = join(import.meta.dirname, 'src');
const BLOCKING_FS = join(SOURCE, 'platform/blocking-fs.ts');

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

const options = {
  metafile: true,
  absWorkingDir: import.meta.dirname,
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node20',
  legalComments: 'none',
  logLevel: 'warning',
  define: { TOKENCTL_VERSION: JSON.stringify(version) },
  // proper-lockfile loads it for its default `fs`, and is always given another one.
  // jsonc-parser's main file calls a require() that no bundler can see.
  alias: { 'graceful-fs': 'node:fs', 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
};

rmSync(new URL('dist', import.meta.url), { recursive: true, force: true });

// The library, split: everything reached by a dynamic import() is a chunk of its own.
const library = await build({
  ...options,
  entryPoints: { index: 'src/index.ts', 'naive-client': 'src/demo/naive-client.ts' },
  chunkNames: 'chunks/[name]-[hash]',
  splitting: true,
  format: 'esm',
  // proper-lockfile and what is below it are CommonJS and call require() for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});

// Loaded by what is not a plain get only, or where a proxy is set: files of their own, out of its way.
const APART = [
  ...['commander', 'https-proxy-agent', 'smol-toml', 'yaml', 'jsonc-parser', 'jose/jwt/sign'],
  'jose/key/import',
  ...['jose/jwe/compact/encrypt', 'jose/jwe/compact/decrypt', 'jose/decode/protected_header'],
];
const apart = await build({
  ...options,
  entryPoints: APART.map((name) => ({ in: name, out: `apart/${name}` })),
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
});

const aside = {
  name: 'aside',
  setup: ({ onResolve }) => {
    // Our own calls at once, without libuv's threads; what others bring along keeps its own.
    onResolve({ filter: /^node:fs\/promises$/ }, ({ importer }) =>
      importer.startsWith(SOURCE) ? { path: BLOCKING_FS } : null,
    );
    onResolve({ filter: new RegExp(`^(${APART.join('|')})$`) }, ({ path }) => ({
      path: `./apart/${path}.cjs`,
      external: true,
    }));
    onResolve({ filter: /^\.\/any-command\.ts$/ }, () => ({
      path: './any-command.cjs',
      external: true,
    }));
  },
};

/**
 * Parts of Node.js that a get would pay for and hardly uses: `assert` and `module` alone bring twenty
 * more of its modules with them (docs/performance.md). What is missing here fails the build.
 */
const LIGHT = {
  // signal-exit, below proper-lockfile, checks one argument with it.
  assert: 'export const equal = (a, b, why) => { if (a != b) throw new TypeError(why); };',
  'node:module': 'export const createRequire = () => require;',
  'node:timers/promises': `export const setTimeout = (ms, ...more) => {
    if (more.length > 0) throw new TypeError('not in a plain get: build.js');
    return new Promise((done) => { globalThis.setTimeout(done, ms); });
  };`,
};
/** For default imports by env-paths: of CommonJS, each would be copied, property by property. */
const DEFAULTS = {
  'node:os': "export default require('os');",
  'node:path': "export default require('path');",
  'node:process': 'export default process;',
};

const light = {
  name: 'light',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /./ }, ({ path, importer }) =>
      Object.hasOwn(LIGHT, path) ||
      (Object.hasOwn(DEFAULTS, path) && /[/\\]env-paths[/\\]/.test(importer))
        ? { path, namespace: 'light' }
        : null,
    );
    onLoad({ filter: /./, namespace: 'light' }, ({ path }) => ({
      contents: LIGHT[path] ?? DEFAULTS[path],
    }));
  },
};

// The command, in CommonJS: the module loader's asynchronous half left alone makes a start a fifth
// shorter. What is reached by a dynamic import() is only run when it is needed.
const commandOptions = {
  ...options,
  // Less for V8 to read.
  minifyWhitespace: true,
  minifySyntax: true,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  // require() instead: import() would start the other module loader after all.
  supported: { 'dynamic-import': false },
  define: { ...options.define, 'import.meta.url': '__url' },
  plugins: [aside],
};

// A plain get, a plain credential, and every other command, each whole: they share no code, and a process
// runs one of them.
const command = await build({
  ...commandOptions,
  entryPoints: { cli: 'src/cli/main.ts', 'any-command': 'src/cli/any-command.ts' },
  banner: { js: "const __url = require('node:url').pathToFileURL(__filename).href;" },
});
const plainGet = await build({
  ...commandOptions,
  entryPoints: {
    'plain-get': 'src/cli/plain-get.ts',
    'plain-credential': 'src/cli/plain-credential.ts',
    'plain-exec': 'src/cli/plain-exec.ts',
  },
  plugins: [aside, light],
  // oauth4webapi only looks there for a browser, and Node.js would make one up.
  define: { ...options.define, 'import.meta.url': '__filename', navigator: 'undefined' },
  // An expression, as src/cli/compiled-code.ts runs it.
  banner: { js: '(function(exports,require,module,__filename,__dirname){' },
  footer: { js: '})' },
});
for (const name of ['get', 'credential', 'exec']) {
  const file = `dist/plain-${name}.cjs`;
  if (readFileSync(new URL(file, import.meta.url)).some((byte) => byte > 0x7f)) {
    // V8 would take two bytes for each character, and src/cli/compiled-code.ts reads it as Latin-1.
    throw new Error(`${file} is not ASCII`);
  }
}

// What talks to the keychain, in a process of its own. keytar is native, optional and not bundled.
await build({
  ...options,
  entryPoints: { keychain: 'src/store/keychain-child.ts' },
  external: ['keytar'],
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  supported: { 'dynamic-import': false },
});

// Manual pages, made of what --help says.
const manual = join(import.meta.dirname, 'dist', 'man-page.cjs');
await build({
  ...commandOptions,
  entryPoints: { 'man-page': 'src/cli/man-page.ts' },
  banner: { js: "const __url = require('node:url').pathToFileURL(__filename).href;" },
});
const { manPages } = await import(pathToFileURL(manual).href);
mkdirSync(join(import.meta.dirname, 'dist', 'man'));
for (const [name, text] of await manPages(version)) {
  writeFileSync(join(import.meta.dirname, 'dist', 'man', name), text);
}
rmSync(manual);

// The bundled libraries' licences ask to be kept with every copy.
const packages = new Set(
  [library, apart, command, plainGet]
    .flatMap(({ metafile }) => Object.keys(metafile.inputs))
    .flatMap((path) => {
      const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
      return name === undefined ? [] : [name];
    }),
);
if (packages.size === 0) throw new Error('no licences: is node_modules a symbolic link?');
const licences = [...packages].sort().map((name) => {
  const directory = join(import.meta.dirname, 'node_modules', name);
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  const { license, author } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const text =
    file === undefined
      ? `${license}, by ${author?.name ?? author} (no licence file in the package)`
      : readFileSync(join(directory, file), 'utf8').trim();
  return `${name}\n\n${text}\n`;
});
writeFileSync(
  join(import.meta.dirname, 'dist', 'THIRD-PARTY-LICENCES.txt'),
  licences.join(`\n${'-'.repeat(72)}\n\n`),
);
