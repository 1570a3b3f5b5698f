import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** Tests that start the real program start what users start: the bundle, built once for the whole run. */
export default function globalSetup() {
  // Whoever wants the suite on a certain Node (test/floor) does not get it from another.
  const expected = process.env.EXPECTED_NODE;
  if (expected !== undefined && process.version !== expected) {
    throw new Error(`The tests were to run on Node ${expected}, and this is ${process.version}.`);
  }
  // By its real path: /var is a link on macOS, and Windows shortens names, while SQLite tells whole ones.
  const temporary = realpathSync.native(tmpdir());
  Object.assign(process.env, { TMPDIR: temporary, TEMP: temporary, TMP: temporary });
  execFileSync(process.execPath, ['esbuild.mjs', '--if-stale'], { stdio: 'inherit' });
}
