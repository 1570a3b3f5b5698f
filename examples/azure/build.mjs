// Bundles the app to dist/, which azd deploys: the code in one file, host.json, and a package.json that names the code.
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/main.js',
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node22.18',
  // This is not a package: the Functions host provides it.
  external: ['@azure/functions-core'],
  logLevel: 'warning',
});
// The files of the console's page, for apps that turn the console on.
cpSync('node_modules/multi-outbox/dist/console', 'dist/console', { recursive: true });
// Its limits fit multi-outbox's defaults. Copy it to this folder, and change the copy, if your own functions need others.
cpSync('node_modules/multi-outbox/host.json', 'dist/host.json');
writeFileSync('dist/package.json', '{ "type": "commonjs", "main": "main.js" }\n');
