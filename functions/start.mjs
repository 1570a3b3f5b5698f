// `npm run start:functions`: the function app under the real Functions host, as Azure Functions Core Tools bring it.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';

const isWindows = process.platform === 'win32';
const found = spawnSync('func', ['--version'], { encoding: 'utf8', shell: isWindows });
if (found.status !== 0) {
  console.error(`Azure Functions Core Tools (version 4) are not installed. One of these installs them:

  npm install --global azure-functions-core-tools@4
  brew tap azure/functions && brew install azure-functions-core-tools@4
  winget install Microsoft.Azure.FunctionsCoreTools

Then run this command again. Without them 'npm run cli -- run' dispatches in one process.`);
  process.exit(1);
}

if (!existsSync('local.settings.json')) {
  copyFileSync('local.settings.sample.json', 'local.settings.json');
  console.log('Made local.settings.json from the sample; it is yours to change and is not committed.');
}
console.log(`The sample's settings want storage on this machine. In another shell:
  npx azurite --silent --skipApiVersionCheck --location .data/azurite\n`);
// The folder that `npm run package` has just made, since the main of this one's package.json is the library. Relative
// paths such as .data/registry.db lead where they lead on the command line.
const app = 'dist.functions';
copyFileSync('local.settings.json', path.join(app, 'local.settings.json'));
mkdirSync('.data', { recursive: true });
symlinkSync(path.resolve('.data'), path.join(app, '.data'), 'junction');
const host = spawn('func', ['start', ...process.argv.slice(2)], {
  cwd: app,
  stdio: 'inherit',
  shell: isWindows,
});
// The terminal sends its signals to the host as well, which ends by itself.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => host.kill('SIGTERM'));
host.on('exit', (code) => process.exit(code ?? 1));
