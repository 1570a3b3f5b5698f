// Bundles for Node: the command line, the library and the demo's handlers, whose dependencies stay outside; and the
// function app, which brings everything that it runs (dist/functions).
// With --if-stale nothing is done when the bundle is newer than every source file.
import { existsSync, globSync, renameSync, rmSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { build } from 'esbuild';

const target = 'dist/cli.js';

function isStale() {
  if (!existsSync(target)) return true;
  const builtAt = statSync(target).mtimeMs;
  return ['esbuild.mjs', 'package.json', 'host.json', ...globSync('{src,functions}/**/*.ts')].some(
    (file) => statSync(file).mtimeMs > builtAt,
  );
}

/**
 * A package in CommonJS that is imported when needed would come out of its chunk with a default export alone; Node finds
 * its names as well. So each gets a module around it that exports what Node finds.
 */
const namesOfLazyPackages = {
  name: 'names-of-lazy-packages',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'dynamic-import' && !isBuiltin(path) ? { path, namespace: 'lazy-package' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'lazy-package' }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name));
      return { contents: `export { ${names.join(', ')} } from '${path}';`, resolveDir: import.meta.dirname };
    });
  },
};

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
    target: 'node22',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
  });
  await build({
    entryPoints: { main: 'functions/main.ts' },
    outdir: `${aside}/functions`,
    bundle: true,
    // What the first invocation does not need is in chunks of its own, read when it is first imported.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    minify: true,
    sourcemap: true,
    // Not a package: the host's worker provides it when it is required.
    external: ['@azure/functions-core'],
    // Packages in CommonJS require Node's modules, and the worker's.
    banner: {
      js: "import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);",
    },
    chunkNames: 'chunk-[hash]',
    plugins: [namesOfLazyPackages],
    logLevel: 'warning',
  });
  rmSync('dist', { recursive: true, force: true });
  renameSync(aside, 'dist');
}
