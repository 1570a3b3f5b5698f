/**
 * `node bundle.mjs FOLDER [HANDLERS [ENTRY]]`: the function app as Azure would take it; with other handlers if given, and
 * with another entry file, which registers its own (then HANDLERS is '').
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
writeFileSync(path.join(folder, 'package.json'), '{"type":"module","main":"dist/main.js"}');
