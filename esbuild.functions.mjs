// The bundle of the function app, which brings everything that it runs.
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';

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
      return {
        contents: `export { ${names.join(', ')} } from '${path}';`,
        resolveDir: import.meta.dirname,
      };
    });
  },
};

/**
 * The SQL Server driver loads these at its start, and has no use for them here: tokens come from the engine's own
 * credential, and encrypted columns are not worked with.
 */
const leftOutOfDriver = {
  name: 'left-out-of-driver',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@azure\/(identity|keyvault-keys)$/ }, ({ path, importer }) =>
      /node_modules[\\/]tedious[\\/]/.test(importer) ? { path, namespace: 'left-out' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/** Puts other handlers in the place of src/handlers/index.ts. */
const handlersFrom = (file) => ({
  name: 'handlers-from',
  setup({ onResolve }) {
    onResolve({ filter: /\/handlers\/index\.ts$/ }, () => ({ path: path.resolve(file) }));
  },
});

/**
 * @param {object} options
 * @param {string} options.outdir
 * @param {string} [options.entryPoint] another app, to hold this one against
 * @param {string} [options.handlers] a module that exports `createHandlers`, in place of src/handlers/index.ts
 */
export function bundleFunctions({ outdir, entryPoint = 'functions/main.ts', handlers }) {
  return build({
    absWorkingDir: import.meta.dirname,
    entryPoints: { main: entryPoint },
    // Entry points from elsewhere find their packages here.
    nodePaths: [path.join(import.meta.dirname, 'node_modules')],
    outdir: path.resolve(outdir),
    bundle: true,
    // What the first invocation does not need is in chunks of its own, read when it is first imported.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.18',
    minify: true,
    sourcemap: true,
    // Not a package: the host's worker provides it when it is required.
    external: ['@azure/functions-core'],
    // Packages in CommonJS require Node's modules, and the worker's.
    banner: {
      js: "import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);",
    },
    chunkNames: 'chunk-[hash]',
    plugins: [
      namesOfLazyPackages,
      leftOutOfDriver,
      ...(handlers === undefined ? [] : [handlersFrom(handlers)]),
    ],
    logLevel: 'warning',
  });
}
