// Bundles the command and the library into dist/, split so that a command loads only what it
// needs: everything reached by a dynamic import() is a chunk of its own.
import { readFileSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

rmSync(new URL('dist', import.meta.url), { recursive: true, force: true });
await build({
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
  legalComments: 'external',
  define: { TOKENCTL_VERSION: JSON.stringify(version) },
  // proper-lockfile and what is below it are CommonJS and call require() for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
