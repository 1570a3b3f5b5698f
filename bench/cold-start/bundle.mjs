/** `node bundle.mjs FOLDER`: bundles the function app to FOLDER/app, and one of an empty timer function to FOLDER/empty. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { bundleFunctions } from '../../esbuild.functions.mjs';

const [folder] = process.argv.slice(2);
const emptyTimer = path.join(folder, 'empty.ts');
writeFileSync(
  emptyTimer,
  `import { app } from '@azure/functions';
app.timer('empty', { schedule: '0 * * * * *', handler() {} });`,
);
await bundleFunctions({ outdir: path.join(folder, 'app/dist') });
await bundleFunctions({ outdir: path.join(folder, 'empty/dist'), entryPoint: emptyTimer });
for (const app of ['app', 'empty']) {
  writeFileSync(path.join(folder, app, 'package.json'), '{"type":"commonjs","main":"dist/main.js"}');
}
