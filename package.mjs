// `npm run package` packs the function app for Azure: dist.functions/ (for azd) and dist.functions.zip, with only the files
// that run. Source maps stay in dist/functions; keep them with the release, so that you can read stack traces.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { zipSync } from 'fflate';

const folder = 'dist.functions';
// `main` in package.json is the library, so the app needs its own.
const main = 'dist/functions/main.js';
const { name, version, engines } = JSON.parse(readFileSync('package.json', 'utf8'));
const bundle = path.dirname(main);

rmSync(folder, { recursive: true, force: true });
mkdirSync(path.join(folder, bundle), { recursive: true });
cpSync('host.json', path.join(folder, 'host.json'));
// This package.json has no dependencies, because the bundle contains them all and nothing must be installed.
writeFileSync(
  path.join(folder, 'package.json'),
  `${JSON.stringify({ name, version, private: true, type: 'commonjs', main, engines }, null, 2)}\n`,
);
// The console reads its page's files from beside the bundle.
cpSync('dist/console', path.join(folder, bundle, 'console'), { recursive: true });
for (const file of readdirSync(bundle)) {
  if (/\.js(on)?$/.test(file)) cpSync(path.join(bundle, file), path.join(folder, bundle, file));
}

const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => path.join(entry.parentPath, entry.name))
  .sort();
const zip = zipSync(
  Object.fromEntries(
    files.map((file) => [path.relative(folder, file).split(path.sep).join('/'), readFileSync(file)]),
  ),
  // The time is fixed, so that the same content always gives the same file.
  { level: 9, mtime: new Date(2000, 0, 1) },
);
writeFileSync(`${folder}.zip`, zip);
const unpacked = files.reduce((sum, file) => sum + statSync(file).size, 0);
const kilobytes = (bytes) => `${(bytes / 1_000).toFixed(0)} kB`;
console.log(
  `Made ${folder}.zip (${kilobytes(zip.length)}: ${files.length} files, ${kilobytes(unpacked)} unpacked) and the same files in ${folder}/.`,
);
