import path from 'node:path';
import type { RunReport } from '../../src/fleet/dispatch/run-report.ts';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';
import { completeLines } from '../support/complete-lines.ts';
import { testWithSignals } from '../support/platform.ts';

const handlers = path.resolve(__dirname, '../support/cli-handlers.mjs');
const env = { MULTI_OUTBOX_PLAN_INTERVAL: '50ms', MULTI_OUTBOX_GRACE: '10s' };

let folder: CliFolder;
beforeEach(async () => {
  folder = cliFolder();
  await folder.json(['tenants', 'add', 'acme']);
});
afterEach(() => folder.remove());

const enqueue = (topic: string, payload = 'x') => folder.json(['enqueue', 'acme', topic, payload]);
const lines = (name: string) => completeLines(path.join(folder.path, name));

testWithSignals.each(['SIGTERM', 'SIGINT'] as const)(
  'D5: %s lets running handlers end, settles them and exits with 0',
  async (signal) => {
    const host = folder.start(['run', '--json', '--handlers', handlers], { env });
    await enqueue('slow', '1000');
    await host.until(() => lines('started.ndjson').length === 1);
    host.kill(signal);
    const { code, stdout, stderr } = await host.ended;
    expect(code).toBe(0);
    expect(lines('done.ndjson')).toHaveLength(1);
    const reports = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as RunReport);
    expect(reports.reduce((sum, { counts }) => sum + counts.done, 0)).toBe(1);
    const logged = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).msg as string);
    expect(logged).toEqual(
      expect.arrayContaining([`Stopping (${signal}).`, expect.stringMatching(/^Stopped after .*1 done\.$/)]),
    );
    const { leases } = await folder.json<{ leases: { held: boolean }[] }>(['leases', 'list', 'acme']);
    expect(leases.map(({ held }) => held)).toEqual([false]);
  },
);

testWithSignals(
  'a second signal ends it at once, with exit code 1 and a note on the messages in flight',
  async () => {
    const host = folder.start(['run', '--json', '--handlers', handlers], { env });
    await enqueue('slow', '60000');
    await host.until(() => lines('started.ndjson').length === 1);
    host.kill('SIGTERM');
    await host.until(({ stderr }) => stderr.includes('Stopping (SIGTERM)'));
    host.kill('SIGTERM');
    const { code, stderr } = await host.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('A second SIGTERM stopped the process at once.');
    expect(stderr).toContain('in flight (acme)');
  },
);

testWithSignals(
  'without --json the log has lines of JSON, without payloads, and standard output is empty',
  async () => {
    const host = folder.start(['run', '--handlers', handlers], { env });
    await enqueue('note', 'a secret payload');
    await host.until(() => lines('done.ndjson').length === 1);
    await host.until(({ stderr }) => stderr.includes('"done":1'));
    host.kill('SIGTERM');
    const { code, stdout, stderr } = await host.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    const logged = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(logged).toContainEqual(
      expect.objectContaining({ tenantId: 'acme', outcome: 'dispatched', done: 1 }),
    );
    expect(stderr).not.toContain('a secret payload');
  },
);

testWithSignals('D8: an exception outside every run is reported, and the host goes on', async () => {
  const host = folder.start(['run', '--json', '--handlers', handlers], { env });
  await enqueue('throws.later');
  await host.until(({ stderr }) => stderr.includes('thrown outside every run'));
  await enqueue('note');
  await host.until(() => lines('done.ndjson').length === 2);
  host.kill('SIGTERM');
  expect((await host.ended).code).toBe(0);
});

test('it stops gracefully when its output is closed', async () => {
  const host = folder.start(['run', '--json', '--handlers', handlers], { env });
  await host.until(({ stdout }) => stdout.includes('"outcome":"idle"'));
  host.closeOutput();
  await folder.json(['wake', 'acme']);
  const { code, stderr } = await host.ended;
  expect(code).toBe(0);
  expect(stderr).toContain('Stopping (standard output was closed).');
  expect(stderr).toContain('Stopped after');
});

test('a missing registry ends it at once', async () => {
  const { code, stderr } = await folder.cli(['run', '--registry', 'sqlite:nowhere/registry.db']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: .*nowhere[\\/]registry\.db.*\n$/);
});
