import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** Builds the bundle once for the whole run, because tests of the real program start the bundle, as users do. */
export default function globalSetup() {
  // test/floor names the version of Node that must run the suite.
  const expected = process.env.EXPECTED_NODE;
  if (expected !== undefined && process.version !== expected) {
    throw new Error(`The tests must run on Node ${expected}, but this is ${process.version}.`);
  }
  // Use the real path, because /var is a link on macOS and Windows shortens names, while SQLite returns full names.
  const temporary = realpathSync.native(tmpdir());
  Object.assign(process.env, { TMPDIR: temporary, TEMP: temporary, TMP: temporary });
  // Most tests give no logger; their expected warnings would fill the output.
  process.env.MULTI_OUTBOX_LOG_TO_CONSOLE = 'false';
  execFileSync(process.execPath, ['esbuild.mjs', '--if-stale'], { stdio: 'inherit' });
}
