import { execFileSync } from 'node:child_process';

/** Tests that start the real program start what users start: the bundle, built once for the whole run. */
export default function globalSetup() {
  execFileSync(process.execPath, ['esbuild.mjs', '--if-stale'], { stdio: 'inherit' });
}
