// Bundles the library and the command into dist/.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

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
  alias: { 'graceful-fs': 'node:fs' },
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

// What a get does not need even when it refreshes is kept out of its way, in files of its own.
const APART = [
  ...['commander', 'https-proxy-agent', 'open', 'uqr'],
  ...['jose/jwt/sign', 'jose/key/import'],
];
const apart = await build({
  ...options,
  entryPoints: APART.map((name) => ({ in: name, out: `apart/${name}` })),
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  // `open` looks beside itself for a script that is in its package only, and then does without.
  define: { ...options.define, 'import.meta.url': 'undefined' },
  // What imports it takes all of `module.exports` for the default export, as Node.js does.
  footer: {
    js: 'if (module.exports.__esModule && module.exports.default) module.exports = Object.assign(module.exports.default, module.exports);',
  },
});

/** What stands for `import.meta.url` in CommonJS. */
const THIS_FILE = "const __url = require('node:url').pathToFileURL(__filename).href;";

// So is all that signs in. What must be the same thing on both sides (an error's class, signals that are
// held) it takes from the command, which has been loaded by then.
const SHARED = /\/src\/(errors|secret|platform\/signals|lock\/judge)\.ts$/;
const login = await build({
  ...options,
  entryPoints: { 'apart/sign-in': 'src/login/sign-in.ts' },
  alias: { ...options.alias, 'node:fs/promises': './src/platform/blocking-fs.ts' },
  minifyWhitespace: true,
  minifySyntax: true,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  supported: { 'dynamic-import': false },
  define: { ...options.define, 'import.meta.url': '__url' },
  banner: { js: THIS_FILE },
  plugins: [
    {
      name: 'shared',
      setup: ({ onResolve }) => {
        onResolve({ filter: /\.ts$/ }, ({ path, resolveDir }) =>
          SHARED.test(join(resolveDir, path)) ? { path: '../cli.cjs', external: true } : undefined,
        );
        onResolve({ filter: new RegExp(`^(${APART.join('|')})$`) }, ({ path }) => ({
          path: `./${path}.cjs`,
          external: true,
        }));
      },
    },
  ],
});

// The command, in one CommonJS file: a file less to find and the module loader's asynchronous half
// left alone make a start a fifth shorter. What is reached by a dynamic import() is still only run
// when it is needed, and V8 does not compile a function before that.
const command = await build({
  ...options,
  entryPoints: { cli: 'src/cli/main.ts' },
  alias: { ...options.alias, 'node:fs/promises': './src/platform/blocking-fs.ts' },
  // Less for V8 to read; names stay, for stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  // require() instead: import() would start the other module loader after all.
  supported: { 'dynamic-import': false },
  define: { ...options.define, 'import.meta.url': '__url' },
  plugins: [
    {
      name: 'apart',
      setup: ({ onResolve }) => {
        onResolve({ filter: new RegExp(`^(${APART.join('|')})$`) }, ({ path }) => ({
          path: `./apart/${path}.cjs`,
          external: true,
        }));
        onResolve({ filter: /\/login\/sign-in\.ts$/ }, () => ({
          path: './apart/sign-in.cjs',
          external: true,
        }));
      },
    },
  ],
  banner: { js: THIS_FILE },
});

// The bundled libraries' licences ask to be kept with every copy.
const packages = new Set(
  [library, apart, login, command]
    .flatMap(({ metafile }) => Object.keys(metafile.inputs))
    .flatMap((path) => {
      const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
      return name === undefined ? [] : [name];
    }),
);
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
