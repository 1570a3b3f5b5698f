// Bundles the function app with all of its dependencies, as CommonJS: in a cold start an ES module's `import` of node:http
// costs as much as a third of the app, because it reads each export, and some of them load all of Node's undici.
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';

/**
 * esbuild gives a CommonJS package that is imported with `import()` only a default export, while Node also finds its named
 * exports. This plugin wraps each such package in a module that exports the names that Node finds.
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

/** Packages that another package loads, and does not need here. */
const unneeded = [
  // Tokens come from the engine's own credential, and encrypted columns are not used.
  { importer: /node_modules[\\/]tedious[\\/]/, packages: /^@azure\/(identity|keyvault-keys)$/ },
  // A server opens no browser to log in with.
  { importer: /node_modules[\\/]@azure[\\/]identity[\\/]/, packages: /^open$/ },
  // No file configures the telemetry, and it is not sent by gRPC.
  {
    importer: /node_modules[\\/]@opentelemetry[\\/]sdk-node[\\/]/,
    packages: /^@opentelemetry\/(configuration|exporter-\w+-otlp-grpc|otlp-grpc-exporter-base)$/,
  },
];

const leftOut = {
  name: 'left-out',
  setup({ onResolve, onLoad }) {
    for (const { importer: of, packages } of unneeded) {
      onResolve({ filter: packages }, ({ path, importer }) =>
        of.test(importer) ? { path, namespace: 'left-out' } : undefined,
      );
    }
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/**
 * iconv-lite requires a table of characters when a column's collation needs it. Together they are half of the driver's code, so
 * they stay files of their own.
 */
const tablesOfCharacters = (outdir) => ({
  name: 'tables-of-characters',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/tables\/.*\.json$/ }, ({ path: file, importer, resolveDir }) => {
      if (!/node_modules[\\/]iconv-lite[\\/]/.test(importer)) return undefined;
      const name = `iconv-${path.basename(file)}`;
      mkdirSync(outdir, { recursive: true });
      copyFileSync(path.resolve(resolveDir, file), path.join(outdir, name));
      return { path: `./${name}`, external: true };
    });
  },
});

/** Keeps the lists of packages in package.json out of the code. */
const shortPackageJson = {
  name: 'short-package-json',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]package\.json$/ }, ({ path: file }) => {
      if (file !== path.join(import.meta.dirname, 'package.json')) return undefined;
      const { name, version, engines } = JSON.parse(readFileSync(file, 'utf8'));
      return { contents: JSON.stringify({ name, version, engines }), loader: 'json' };
    });
  },
};

/** Replaces src/handlers/index.ts by another module. */
const handlersFrom = (file) => ({
  name: 'handlers-from',
  setup({ onResolve }) {
    onResolve({ filter: /\/handlers\/index\.ts$/ }, () => ({ path: path.resolve(file) }));
  },
});

const shared = {
  absWorkingDir: import.meta.dirname,
  platform: 'node',
  target: 'node22.18',
  minify: true,
  sourcemap: true,
  logLevel: 'warning',
};

/**
 * @param {object} options
 * @param {string} options.outdir
 * @param {string} [options.entryPoint] another app, for tests and comparisons
 * @param {string} [options.handlers] a module that exports `createHandlers`, in place of src/handlers/index.ts
 */
export async function bundleFunctions({ outdir, entryPoint = 'functions/main.ts', handlers }) {
  const chunks = path.resolve(outdir, 'chunks');
  const { metafile } = await build({
    ...shared,
    entryPoints: { main: entryPoint },
    // Entry points outside the repository resolve their packages here.
    nodePaths: [path.join(import.meta.dirname, 'node_modules')],
    outdir: chunks,
    bundle: true,
    // Code that the first invocation does not need goes to separate chunks, which are read on first import.
    splitting: true,
    format: 'esm',
    // This is not a package: the host's worker provides this module at run time.
    external: ['@azure/functions-core'],
    chunkNames: 'chunk-[hash]',
    alias: {
      // The exporter requires it as CommonJS, so that two copies would be packed.
      '@azure/identity': createRequire(import.meta.url).resolve('@azure/identity'),
      // A copy of Node's own streams, which the driver's list of buffers extends.
      'readable-stream': 'node:stream',
    },
    metafile: true,
    plugins: [
      leftOut,
      tablesOfCharacters(path.resolve(outdir)),
      namesOfLazyPackages,
      shortPackageJson,
      ...(handlers === undefined ? [] : [handlersFrom(handlers)]),
    ],
  });
  // esbuild can split only ES modules, so splitting comes first.
  await toCommonJs(chunks, path.resolve(outdir), importsOf(metafile));
  rmSync(chunks, { recursive: true });
}

/** The chunks that each chunk imports statically, by file name. */
function importsOf({ outputs }) {
  const scripts = Object.entries(outputs).filter(([file]) => file.endsWith('.js'));
  return new Map(
    scripts.map(([file, { imports }]) => [
      path.basename(file),
      imports
        .filter(({ kind, external }) => kind === 'import-statement' && !external)
        .map(({ path: imported }) => path.basename(imported)),
    ]),
  );
}

/** Converts the chunks to CommonJS. Those that the start reads become one file, and the others take them from it. */
async function toCommonJs(chunks, outdir, imports) {
  const atStart = new Set();
  const follow = (file) => {
    if (atStart.has(file)) return;
    atStart.add(file);
    for (const imported of imports.get(file)) follow(imported);
  };
  follow('main.js');
  atStart.delete('main.js');
  const inMain = [...atStart];
  const options = {
    ...shared,
    outdir,
    bundle: true,
    format: 'cjs',
    // `import()` would read its modules as ES modules do.
    supported: { 'dynamic-import': false },
    define: { 'import.meta.dirname': '__dirname' },
    // A package that needs its own URL would not work.
    logOverride: { 'empty-import-meta': 'error' },
  };
  const modules = inMain.map((file, index) => `export * as chunk${index} from './${file}';`);
  await build({
    ...options,
    entryPoints: { main: 'main' },
    plugins: [chunksOf({ main: `import './main.js'; ${modules.join(' ')}` }, inMain, chunks)],
  });
  const fromMain = Object.fromEntries(
    inMain.map((file, index) => [file, `module.exports = require('./main.js').chunk${index};`]),
  );
  await build({
    ...options,
    entryPoints: [...imports.keys()]
      .filter((file) => file !== 'main.js' && !atStart.has(file))
      .map((file) => path.join(chunks, file)),
    plugins: [chunksOf(fromMain, [], chunks)],
  });
}

/** Resolves imports between chunks: `virtual` gives the text of some, `bundled` are files, and the others stay imports. */
const chunksOf = (virtual, bundled, folder) => ({
  name: 'chunks',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /.*/ }, ({ path: imported, kind, namespace }) => {
      const file = path.basename(imported);
      if (Object.hasOwn(virtual, file)) return { path: file, namespace: 'virtual' };
      if (kind === 'entry-point') return undefined;
      if (bundled.includes(file) || (namespace === 'virtual' && kind === 'import-statement'))
        return { path: path.join(folder, file) };
      return { path: imported, external: true };
    });
    onLoad({ filter: /.*/, namespace: 'virtual' }, ({ path: file }) => ({ contents: virtual[file] }));
  },
});
