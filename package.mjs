// `npm run package`: the function app as Azure takes it, in dist.functions/ (for azd) and dist.functions.zip, with
// nothing in it that is not run. Source maps stay in dist/functions: keep them with the release to read stack traces.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { zipSync } from 'fflate';

const folder = 'dist.functions';
// package.json's own main is the library.
const main = 'dist/functions/main.js';
const { name, version, type, engines } = JSON.parse(readFileSync('package.json', 'utf8'));
const bundle = path.dirname(main);

rmSync(folder, { recursive: true, force: true });
mkdirSync(path.join(folder, bundle), { recursive: true });
cpSync('host.json', path.join(folder, 'host.json'));
// Without dependencies: everything is in the bundle, and there is nothing to install.
writeFileSync(
  path.join(folder, 'package.json'),
  `${JSON.stringify({ name, version, private: true, type, main, engines }, null, 2)}\n`,
);
for (const file of readdirSync(bundle)) {
  if (file.endsWith('.js')) cpSync(path.join(bundle, file), path.join(folder, bundle, file));
}

const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => path.join(entry.parentPath, entry.name))
  .sort();
const zip = zipSync(
  Object.fromEntries(
    files.map((file) => [path.relative(folder, file).split(path.sep).join('/'), readFileSync(file)]),
  ),
  // The same content gives the same file, whenever it is made.
  { level: 9, mtime: new Date(2000, 0, 1) },
);
writeFileSync(`${folder}.zip`, zip);
const unpacked = files.reduce((sum, file) => sum + statSync(file).size, 0);
const kilobytes = (bytes) => `${(bytes / 1_000).toFixed(0)} kB`;
console.log(
  `${folder}.zip: ${kilobytes(zip.length)}, ${files.length} files of ${kilobytes(unpacked)}; the same in ${folder}/.`,
);
