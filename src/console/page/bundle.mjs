// Bundles the console's page to dist/console: one script, one style and the icon, with hashes in their names, and a list of
// them. The packages that the page uses are in the bundle, so that nothing is loaded from elsewhere.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const folder = 'src/console/page';

/** Returns also the sizes of the files, in bytes, as a server sends them compressed. @param {{ outdir: string }} options */
export async function bundleConsole({ outdir }) {
  mkdirSync(outdir, { recursive: true });
  const { metafile } = await build({
    entryPoints: { page: `${folder}/main.tsx`, icon: `${folder}/icon.svg` },
    outdir,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['chrome110', 'firefox115', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    loader: { '.svg': 'copy' },
    entryNames: '[name]-[hash]',
    logLevel: 'warning',
    legalComments: 'none',
    metafile: true,
  });
  const files = readdirSync(outdir);
  const named = (pattern) => files.find((file) => pattern.test(file));
  const assets = {
    script: named(/^page-.*\.js$/),
    style: named(/^page-.*\.css$/),
    icon: named(/^icon-.*\.svg$/),
  };
  writeFileSync(path.join(outdir, 'assets.json'), `${JSON.stringify(assets)}\n`);
  const sizes = Object.entries(assets).map(([name, file]) => {
    const bytes = gzipSync(readFileSync(path.join(outdir, file))).length;
    return { name, bytes };
  });
  return { metafile, sizes };
}
