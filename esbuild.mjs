// Builds dist/: the CLI, the library (CommonJS, re-exported by ES modules), and the function app with all of its
// dependencies (dist/functions).
// --if-stale does nothing when the build is newer than every source file; --library skips the function app.
import { existsSync, globSync, renameSync, rmSync, statSync } from 'node:fs';
import { bundleFunctions } from './esbuild.functions.mjs';
import { buildLibrary } from './esbuild.library.mjs';

const target = 'dist/cli.js';

function isStale() {
  if (!existsSync(target)) return true;
  const builtAt = statSync(target).mtimeMs;
  return [
    'esbuild.mjs',
    'esbuild.functions.mjs',
    'esbuild.library.mjs',
    'package.json',
    'tsconfig.json',
    'host.json',
    ...globSync('{src,functions,examples/demo}/**/*.ts'),
    ...globSync('src/console/page/**/*'),
  ].some((file) => statSync(file).mtimeMs > builtAt);
}

if (!process.argv.includes('--if-stale') || isStale()) {
  // The bundle is built in another folder, which is then renamed, so that a process that runs the bundle meanwhile
  // never sees half a build.
  const aside = `dist.${process.pid}`;
  await buildLibrary({ outdir: aside });
  if (!process.argv.includes('--library')) await bundleFunctions({ outdir: `${aside}/functions` });
  rmSync('dist', { recursive: true, force: true });
  renameSync(aside, 'dist');
}
