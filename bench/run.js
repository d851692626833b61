// Node.js 20 cannot run TypeScript: bundles what is in here, where it finds the packages, and runs it.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const outdir = join(root, 'node_modules', '.cache', 'tokenctl-bench');
await build({
  absWorkingDir: root,
  entryPoints: {
    main: 'bench/main.ts',
    provider: 'bench/provider-process.ts',
    library: 'bench/library-process.ts',
  },
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  define: { BENCH_ROOT: JSON.stringify(root), BENCH_OUT: JSON.stringify(outdir) },
  logLevel: 'warning',
});
await import(pathToFileURL(join(outdir, 'main.mjs')).href);
