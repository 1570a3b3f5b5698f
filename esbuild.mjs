// Bundles the command line, the library and the demo's handlers for Node; dependencies stay outside.
// With --if-stale nothing is done when the bundle is newer than every source file.
import { existsSync, globSync, rmSync, statSync } from 'node:fs';
import { build } from 'esbuild';

const target = 'dist/cli.js';

function isStale() {
  if (!existsSync(target)) return true;
  const builtAt = statSync(target).mtimeMs;
  return ['esbuild.mjs', 'package.json', ...globSync('src/**/*.ts')].some(
    (file) => statSync(file).mtimeMs > builtAt,
  );
}

if (!process.argv.includes('--if-stale') || isStale()) {
  rmSync('dist', { recursive: true, force: true });
  await build({
    entryPoints: { cli: 'src/cli/main.ts', index: 'src/index.ts', demo: 'src/cli/demo/handlers.ts' },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
  });
}
