/**
 * `node bundle.mjs FOLDER [HANDLERS [ENTRY]]`: bundles the function app as for Azure. HANDLERS replaces its handlers.
 * ENTRY replaces its entry file, which then registers handlers of its own (HANDLERS is '').
 */
import { cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bundleFunctions } from '../../../esbuild.functions.mjs';

const [folder, handlers, entry] = process.argv.slice(2);
await bundleFunctions({
  outdir: path.join(folder, 'dist'),
  ...(handlers && { handlers }),
  ...(entry && { entryPoint: entry }),
});
cpSync(path.join(import.meta.dirname, '../../../host.json'), path.join(folder, 'host.json'));
writeFileSync(path.join(folder, 'package.json'), '{"type":"commonjs","main":"dist/main.js"}');
