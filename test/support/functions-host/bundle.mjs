/** `node bundle.mjs FOLDER [HANDLERS]`: the function app as Azure would take it, with other handlers if given. */
import { cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bundleFunctions } from '../../../esbuild.functions.mjs';

const [folder, handlers] = process.argv.slice(2);
await bundleFunctions({ outdir: path.join(folder, 'dist'), handlers });
cpSync(path.join(import.meta.dirname, '../../../host.json'), path.join(folder, 'host.json'));
writeFileSync(path.join(folder, 'package.json'), '{"type":"module","main":"dist/main.js"}');
