// Builds the library and the CLI for the package. The code exists once, as CommonJS, and the ES modules in dist/esm only
// re-export it, so that `import` and `require` give the same classes, pools and wakes.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { bundleConsole } from './src/console/page/bundle.mjs';

const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));

/** The entry points that package.json exports, by the name of the built file. */
const library = {
  index: 'src/index.ts',
  handlers: 'src/handlers/public.ts',
  sources: 'src/sources/index.ts',
  console: 'src/console/index.ts',
  functions: 'functions/index.ts',
  testing: 'src/testing/index.ts',
};
// `demo` has the handlers of the demo's second host. There, tsconfig.json maps `multi-outbox` to the library's own sources.
const programs = { cli: 'src/cli/main.ts', demo: 'examples/demo/handlers.ts' };

/** Modules that each entry point requires before its chunks, because esbuild does not keep the order of chunks. */
const guards = {
  'require-supported-node': 'src/require-supported-node.ts',
  'optional-package': 'src/optional-package.ts',
};

/** Optional packages that an entry point imports statically. */
const neededAtOnce = { functions: '@azure/functions' };

const shared = {
  platform: 'node',
  target: 'node22.18',
  sourcemap: true,
  logLevel: 'warning',
  metafile: true,
};

/** @param {{ outdir: string }} options */
export async function buildLibrary({ outdir }) {
  const chunks = `${outdir}/chunks`;
  const { metafile } = await build({
    ...shared,
    entryPoints: { ...library, ...programs, ...guards },
    outdir: chunks,
    bundle: true,
    splitting: true,
    format: 'esm',
    // A package that is not a dependency is bundled: uuid, because it has only ES modules.
    external: [...Object.keys({ ...dependencies, ...peerDependencies }), '@azure/functions-core'],
  });
  const files = Object.keys(metafile.outputs).filter((file) => file.endsWith('.js'));
  await toCommonJs(outdir, chunks, metafile, files);
  rmSync(chunks, { recursive: true });
  writeFileSync(`${outdir}/package.json`, '{ "type": "commonjs" }\n');
  const page = await bundleConsole({ outdir: `${outdir}/console` });
  writeFileSync(`${outdir}/LICENSES.txt`, licenses({ ...metafile.inputs, ...page.metafile.inputs }));
  const kilobytes = page.sizes.map(({ name, bytes }) => `${name} ${(bytes / 1_000).toFixed(1)} kB`);
  console.log(`The console's page, compressed: ${kilobytes.join(', ')}`);

  mkdirSync(`${outdir}/esm`);
  writeFileSync(`${outdir}/esm/package.json`, '{ "type": "module" }\n');
  for (const [name, source] of Object.entries(library)) {
    const { exports } = metafile.outputs[`${chunks}/${name}.js`];
    writeFileSync(`${outdir}/esm/${name}.js`, `export { ${exports.join(', ')} } from '../${name}.js';\n`);
    // The type declarations describe CommonJS modules, like the code.
    const types = `../types/${source.replace(/\.ts$/, '.js')}`;
    writeFileSync(`${outdir}/esm/${name}.d.ts`, `export * from '${types}';\n`);
  }
}

/** Converts each chunk to CommonJS. esbuild can split only ES modules, so splitting comes first. */
async function toCommonJs(outdir, chunks, metafile, files) {
  const convert = (entryPoints, options) =>
    build({
      ...shared,
      entryPoints,
      outdir,
      format: 'cjs',
      define: { 'import.meta.dirname': '__dirname' },
      ...options,
    });
  const isProgram = (file) =>
    Object.keys(metafile.outputs[file].inputs).some((input) => /^(src\/cli|examples)\//.test(input));
  const rest = files.filter((file) => !Object.keys(library).some((name) => file === `${chunks}/${name}.js`));
  // Jest's CommonJS has no import(), so the library uses require. The CLI keeps import(), because a handler module may be
  // an ES module.
  const supported = { 'dynamic-import': false };
  await Promise.all([
    convert(
      rest.filter((file) => !isProgram(file)),
      { supported },
    ),
    convert(rest.filter(isProgram)),
    ...Object.keys(library).map((name) =>
      convert([`${chunks}/${name}.js`], { supported, banner: { js: guardOf(name) } }),
    ),
  ]);
}

/** Checks the Node version, then the optional package, before any other code can fail without them. */
function guardOf(name) {
  const node = `"use strict";require("./require-supported-node.js");`;
  const needed = neededAtOnce[name];
  if (needed === undefined) return node;
  return `${node}try{require("${needed}")}catch(e){throw require("./optional-package.js").packageMissing("${needed}",e)}`;
}

/** The licences of the bundled packages. */
function licenses(inputs) {
  const folders = Object.keys(inputs).flatMap(
    (file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? [],
  );
  return [...new Set(folders)]
    .map((folder) => {
      const { name, version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
      const [text] = readdirSync(folder).filter((file) => /^license/i.test(file));
      return `${name} ${version}\n\n${readFileSync(path.join(folder, text), 'utf8')}`;
    })
    .join('\n\n');
}
