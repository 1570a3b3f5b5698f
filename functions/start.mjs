// `npm run start:functions`: starts the function app in the real Functions host, which Azure Functions Core Tools install,
// and creates the queues that it listens to. The host creates none of them, and warns about each at every poll.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { createQueues } from './create-queues.mjs';

const isWindows = process.platform === 'win32';
const found = spawnSync('func', ['--version'], { encoding: 'utf8', shell: isWindows });
if (found.status !== 0) {
  console.error(`Azure Functions Core Tools (version 4) are not installed. Install them with one of these commands:

  npm install --global azure-functions-core-tools@4
  brew tap azure/functions && brew install azure-functions-core-tools@4
  winget install Microsoft.Azure.FunctionsCoreTools

Then run this command again. You can also dispatch without them, in one process: npm run --silent cli -- run`);
  process.exit(1);
}

if (!existsSync('local.settings.json')) {
  copyFileSync('local.settings.sample.json', 'local.settings.json');
  console.log('Copied the sample to local.settings.json. You can change it; git ignores it.');
}
console.log(`The sample's settings need a storage emulator on this machine. Start it in another shell:
  npx azurite --silent --skipApiVersionCheck --location .data/azurite\n`);
// The host runs in dist.functions, which `npm run package` has just made, because `main` in the repository's package.json
// names the library. The link makes relative paths such as .data/registry.db mean the same file as on the command line.
const app = 'dist.functions';
copyFileSync('local.settings.json', path.join(app, 'local.settings.json'));
mkdirSync('.data', { recursive: true });
symlinkSync(path.resolve('.data'), path.join(app, '.data'), 'junction');
const { AzureWebJobsStorage } = JSON.parse(readFileSync('local.settings.json', 'utf8')).Values;
if (AzureWebJobsStorage) {
  try {
    await createQueues(AzureWebJobsStorage);
  } catch (error) {
    console.error(
      `The queues could not be created: ${error.message}. Start the storage emulator and run this command again.`,
    );
    process.exit(1);
  }
}
const host = spawn('func', ['start', ...process.argv.slice(2)], {
  cwd: app,
  stdio: 'inherit',
  shell: isWindows,
});
// The terminal also sends SIGINT to the host. The host then ends, and this process ends with it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => host.kill('SIGTERM'));
host.on('exit', (code) => process.exit(code ?? 1));
