// Bundles for Node: the command line, the library and the demo's handlers, whose dependencies stay outside; and the
// function app, which brings everything that it runs (dist/functions).
// With --if-stale nothing is done when the bundle is newer than every source file.
import { existsSync, globSync, renameSync, rmSync, statSync } from 'node:fs';
import { build } from 'esbuild';
import { bundleFunctions } from './esbuild.functions.mjs';

const target = 'dist/cli.js';

function isStale() {
  if (!existsSync(target)) return true;
  const builtAt = statSync(target).mtimeMs;
  return [
    'esbuild.mjs',
    'esbuild.functions.mjs',
    'package.json',
    'host.json',
    ...globSync('{src,functions}/**/*.ts'),
  ].some((file) => statSync(file).mtimeMs > builtAt);
}

if (!process.argv.includes('--if-stale') || isStale()) {
  // Built aside and put in place at once: whoever runs the bundle meanwhile finds it whole.
  const aside = `dist.${process.pid}`;
  await build({
    entryPoints: { cli: 'src/cli/main.ts', index: 'src/index.ts', demo: 'src/cli/demo/handlers.ts' },
    outdir: aside,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.18',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
  });
  await bundleFunctions({ outdir: `${aside}/functions` });
  rmSync('dist', { recursive: true, force: true });
  renameSync(aside, 'dist');
}
