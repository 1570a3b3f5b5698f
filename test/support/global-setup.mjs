import { execFileSync } from 'node:child_process';

/** Tests that start the real program start what users start: the bundle, built once for the whole run. */
export default function globalSetup() {
  // Whoever wants the suite on a certain Node (test/floor) does not get it from another.
  const expected = process.env.EXPECTED_NODE;
  if (expected !== undefined && process.version !== expected) {
    throw new Error(`The tests were to run on Node ${expected}, and this is ${process.version}.`);
  }
  execFileSync(process.execPath, ['esbuild.mjs', '--if-stale'], { stdio: 'inherit' });
}
