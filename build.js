// Bundles the command and the library into dist/, split so that a command loads only what it
// needs: everything reached by a dynamic import() is a chunk of its own.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

rmSync(new URL('dist', import.meta.url), { recursive: true, force: true });
const { metafile } = await build({
  metafile: true,
  absWorkingDir: import.meta.dirname,
  entryPoints: {
    index: 'src/index.ts',
    cli: 'src/cli/main.ts',
    'naive-client': 'src/demo/naive-client.ts',
  },
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  legalComments: 'none',
  define: { TOKENCTL_VERSION: JSON.stringify(version) },
  // proper-lockfile and what is below it are CommonJS and call require() for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});

// The bundled libraries' licences ask to be kept with every copy.
const packages = new Set(
  Object.keys(metafile.inputs).flatMap((path) => {
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
