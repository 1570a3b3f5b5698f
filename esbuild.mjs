// Builds dist/: the command line, and the library as CommonJS with ES modules in front of it; and the function app, which
// brings everything that it runs (dist/functions).
// --if-stale does nothing when the build is newer than every source file; --library leaves out the function app.
import { existsSync, globSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
    ...globSync('{src,functions,examples}/**/*.ts'),
  ].some((file) => statSync(file).mtimeMs > builtAt);
}

if (!process.argv.includes('--if-stale') || isStale()) {
  // Built aside and put in place at once: whoever runs the bundle meanwhile finds it whole.
  const aside = `dist.${process.pid}`;
  await buildLibrary({ outdir: aside });
  if (!process.argv.includes('--library')) {
    await bundleFunctions({ outdir: `${aside}/functions` });
    // Below a folder of CommonJS.
    writeFileSync(`${aside}/functions/package.json`, '{ "type": "module" }\n');
  }
  rmSync('dist', { recursive: true, force: true });
  renameSync(aside, 'dist');
}
