import { existsSync } from 'node:fs';
import path from 'node:path';
import { createSqliteEngine } from '../../src/engine/sqlite/index.ts';
import type { TickReport } from '../../src/local/tick.ts';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';
import { completeLines } from '../support/complete-lines.ts';
import { testWithSignals } from '../support/platform.ts';

const handlers = path.resolve(__dirname, '../support/cli-handlers.mjs');

let folder: CliFolder;
beforeEach(async () => {
  folder = cliFolder();
  await folder.json(['tenants', 'add', 'acme']);
  await folder.json(['tenants', 'add', 'beta']);
});
afterEach(() => folder.remove());

const enqueue = async (tenant: string, topic: string, payload = 'x') =>
  (await folder.json<{ messageId: string }>(['enqueue', tenant, topic, payload])).messageId;

/** The messages that handlers have handled, in order. */
function done(): { tenant: string; topic: string; messageId: string; attempt: number }[] {
  return completeLines(path.join(folder.path, 'done.ndjson')).map((line) => JSON.parse(line));
}

test('tick plans, dispatches to the handlers of --handlers, and shows a row for each tenant', async () => {
  await enqueue('acme', 'note');
  await enqueue('acme', 'NOTE');
  await enqueue('beta', 'nobody.handles');
  // A long idle interval, so that no tenant is due again before the second tick, however slow the machine is.
  const env = { MULTI_OUTBOX_IDLE_FLOOR: '1h', MULTI_OUTBOX_IDLE_CEILING: '1h' };
  const { code, stdout } = await folder.cli(['tick', '--handlers', handlers], { env });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Tenant +Outcome +Done +Retried +Dead +Released +Parked +Lost +Recovered +Time/);
  expect(stdout).toMatch(/^acme +dispatched +2 +0 +0 +0 +0 +0 +0 /m);
  expect(stdout).toMatch(/^beta +dispatched +0 .*no handler for nobody\.handles$/m);
  expect(done().map(({ tenant }) => tenant)).toEqual(['acme', 'acme']);
  // A parked message is due again after a second.
  await folder.cli(['tenants', 'pause', 'beta']);
  expect((await folder.cli(['tick'])).stdout).toMatch(/^No tenant is due\. The next tenant is due in /);
});

test('without --handlers, email.send writes mails to the folder of mails', async () => {
  const messageId = await enqueue(
    'acme',
    'email.send',
    '{"to":"ann@example.com","subject":"Hi","text":"Hello"}',
  );
  const report = await folder.json<TickReport>(['tick']);
  expect(report.plan.status).toBe('planned');
  expect(report.runs.map(({ tenantId, counts }) => [tenantId, counts.done]).sort()).toEqual([
    ['acme', 1],
    ['beta', 0],
  ]);
  expect(existsSync(path.join(folder.path, '.data/mail/acme', `${messageId}.eml`))).toBe(true);
});

test('D8: a tenant that fails makes the exit code 1, and the others are dispatched', async () => {
  await enqueue('beta', 'note');
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path.join(folder.path, `.data/tenants/acme.db${suffix}`))) {
      folder.write(`.data/tenants/acme.db${suffix}`, 'garbage '.repeat(4_096));
    }
  }
  const { code, stdout, stderr } = await folder.cli(['tick', '--handlers', handlers]);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/^error: Tenant 'acme' failed with DATABASE_CORRUPT: .*\n$/),
  ]);
  expect(stdout).toMatch(/^acme +failed .*DATABASE_CORRUPT/m);
  expect(stdout).toMatch(/^beta +dispatched +1 /m);
  const status = await folder.cli(['status', '--failing']);
  expect(status.stdout).toMatch(/^acme .*1 failed.*DATABASE_CORRUPT/m);
  expect(status.stdout).not.toMatch(/^beta/m);
});

test('D3: text thrown, a permanent error and a handler that never ends get a clear outcome; other messages run', async () => {
  for (const topic of ['throws.string', 'throws.permanent', 'never.ends', 'rejects.unseen', 'note']) {
    await enqueue('acme', topic);
  }
  const { code, stdout, stderr } = await folder.cli(['tick', '--handlers', handlers]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^acme +dispatched +2 +0 +3 /m);
  expect(stderr).toContain('An error was thrown outside every run: Error.');
  expect(stderr).not.toContain('nobody waits for this');
  expect(
    done()
      .map(({ topic }) => topic)
      .sort(),
  ).toEqual(['note', 'rejects.unseen']);
  const { messages } = await folder.json<{ messages: { topic: string; lastError: string }[] }>([
    'dead',
    'list',
    '--tenant',
    'acme',
  ]);
  expect(Object.fromEntries(messages.map(({ topic, lastError }) => [topic, lastError]))).toEqual({
    'throws.string': 'A value of type string was thrown; throw an Error, so that its message is kept.',
    'throws.permanent': 'never \u001b[31m in red',
    'never.ends': expect.stringContaining('did not end within its timeout of 200ms'),
  });
  const table = await folder.cli(['dead', 'list', '--tenant', 'acme']);
  expect(table.stdout).toContain('never \\u001b[31m in red');
});

testWithSignals(
  'Q6: a handler that calls process.exit is reported, exits with 1, and loses nothing',
  async () => {
    const exits = await enqueue('acme', 'exits');
    const note = await enqueue('acme', 'note');
    const env = { MULTI_OUTBOX_LEASE: '500ms', MULTI_OUTBOX_CONCURRENCY: '1', MULTI_OUTBOX_GRACE: '0ms' };
    const { code, stderr } = await folder.cli(['tick', '--handlers', handlers], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: A handler or a signal ended the process with \d dispatch runs? in flight \(.*acme.*\n$/,
    );

    const host = folder.start(['run', '--json', '--handlers', handlers], { env });
    await folder.json(['wake', 'acme']);
    await host.until(() => done().length === 2);
    host.kill('SIGTERM');
    expect((await host.ended).code).toBe(0);
    const attempts = Object.fromEntries(done().map(({ messageId, attempt }) => [messageId, attempt]));
    expect(attempts).toEqual({ [exits]: 2, [note]: expect.any(Number) });
  },
);

test('D8: an exception outside every run is reported, and the runs in flight go on', async () => {
  const messageId = await enqueue('acme', 'throws.later');
  const { code, stdout, stderr } = await folder.cli(['tick', '--handlers', handlers]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^acme +dispatched +1 /m);
  expect(stderr).toMatch(/thrown outside every run: Error\./);
  // The text of a handler's error may quote a payload.
  expect(stderr).not.toContain('thrown in a timer');
  expect(done()).toMatchObject([{ messageId, attempt: 1 }]);
});

test('output of handlers does not mix with the lines of JSON', async () => {
  folder.write(
    'chatty.mjs',
    `import { defineHandler } from 'multi-outbox';
     console.log('loading');
     export default [defineHandler({ topic: 'chatty', handle: () => console.log('handling') })];`,
  );
  await enqueue('acme', 'chatty');
  const { stdout, stderr } = await folder.cli(['tick', '--json', '--handlers', 'chatty.mjs']);
  expect(JSON.parse(stdout)).toMatchObject({ plan: { status: 'planned' } });
  expect(stderr).toBe('loading\nhandling\n');
});

test('F3: tick reports that another host holds the plan lease', async () => {
  const otherHost = createSqliteEngine({ registry: path.join(folder.path, '.data/registry.db') });
  await otherHost.openRegistry().beginPlan({ owner: 'another host', leaseMs: 60_000, limit: 10 });
  await otherHost.close();
  const { code, stdout } = await folder.cli(['tick']);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^Another host holds the plan lease/)]);
  expect(await folder.json(['tick'])).toMatchObject({ plan: { status: 'leased-elsewhere' }, runs: [] });
  expect(await folder.json(['leases', 'list'])).toMatchObject({
    tenantId: null,
    leases: [{ name: 'plan', owner: 'another host', held: true }],
  });
});
