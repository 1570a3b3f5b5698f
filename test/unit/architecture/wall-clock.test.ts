/**
 * Q16: people and programs set the wall clock. A wait or a duration that is measured by it would end late, or never, so
 * the program measures by the monotonic clock (`performance.now()`), and the databases' clocks decide what is due (Q2).
 */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const top = path.resolve(__dirname, '../../..');

/** The files that may read the wall clock, and for what. */
const allowed = new Map([
  [
    'functions/late-plan.ts',
    'reads the time of a request’s plan; a wrong clock only makes it ask the registry, or wait for once',
  ],
  ['functions/poison.ts', 'reads an absolute time of the queue, with a day to spare'],
  ['src/cli/commands/leases.ts', 'shows ages'],
  ['src/cli/commands/leases-release.ts', 'shows ages'],
  ['src/cli/commands/status.ts', 'says when a picture was drawn'],
  ['src/cli/output/logger.ts', 'shows the time of a line'],
  ['src/cli/output/tenant.ts', 'shows ages'],
  ['src/cli/output/text.ts', 'shows ages'],
  ['src/console/handler.ts', 'says as of when an answer holds'],
  [
    'src/console/hosted/key-access.ts',
    'ends a session on all instances; a wrong clock ends it early or late',
  ],
  ['src/console/page/api.ts', 'says as of when an answer holds'],
  ['src/console/snapshots.ts', 'says as of when an answer holds'],
  ['src/engine/sqlite/queue/empty-look.ts', 'reads the clock of the database, which is the machine’s'],
  ['src/engine/sqlite/schema-control.ts', 'compares the clocks, for doctor'],
  [
    'src/engine/sqlite/unchanged-files.ts',
    'reads the clock of the file system; a wrong clock only makes the engine open a file',
  ],
  ['src/engine/sqlserver/schema-control.ts', 'compares the clocks, for doctor'],
  ['src/fleet/dispatch-request.ts', 'says when a request was made'],
  ['src/fleet/dispatch/continuation.ts', 'says when a request was made'],
  ['src/fleet/dispatch/request-format.ts', 'says when a request was made'],
  [
    'src/fleet/dispatch/stale-request.ts',
    'compares ages of requests; a wrong clock only makes it keep a request',
  ],
  ['src/fleet/operations/doctor.ts', 'compares the clocks'],
  ['src/fleet/operations/worst-tenants.ts', 'shows ages'],
  ['src/fleet/plan/worst-values.ts', 'measures ages'],
  ['src/health/troubles.ts', 'compares ages; a wrong clock only changes the answer about named tenants'],
  ['src/handlers/retry-after.ts', 'reads an absolute time of a receiver'],
  ['src/handlers/webhook.ts', 'signs the time'],
  ['src/sources/standard-webhooks.ts', 'checks the signed time'],
  ['src/testing/clock.ts', 'starts a clock that tests set'],
]);

test('Q16: only these files read the wall clock', () => {
  const readers = globSync('{src,functions}/**/*.ts', { cwd: top })
    .map((file) => file.split(path.sep).join('/'))
    .filter((file) => /\bDate\.now\b|\bnew Date\(\)/.test(readFileSync(path.join(top, file), 'utf8')));
  expect(readers.sort()).toEqual([...allowed.keys()].sort());
});
