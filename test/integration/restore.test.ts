/**
 * Q8, F2: plays the runbooks of docs/operations.md while a host of this process runs: the blocks of the document replace the
 * files of a tenant's database and of the registry.
 */
import { DatabaseSync } from 'node:sqlite';
import { MessageStatus } from '../../src/engine/message.ts';
import { allMessages } from '../../src/engine/sqlite/index.ts';
import { createMultiOutbox, defineHandler, type MultiOutbox } from '../../src/index.ts';
import { blockOf, UserProject } from '../support/documents.ts';
import { testWithShell } from '../support/platform.ts';
import { until } from '../support/until.ts';

const page = 'docs/operations.md';
let project: UserProject;
let host: MultiOutbox;
const seen: string[] = [];
const stop = new AbortController();
let running: Promise<void>;

beforeAll(async () => {
  project = new UserProject();
  await project.shell('multi-outbox tenants add acme');
  host = createMultiOutbox({
    handlers: [
      defineHandler({
        topic: 'orders',
        handle: ({ payload }) => {
          seen.push(payload);
        },
      }),
    ],
    registry: `sqlite:${project.file('.data/registry.db')}`,
    // A run may be under way at the backup; its tenant is due again after this time.
    plan: { intervalMs: 20, redispatchMs: 1_000 },
    schedule: { idleFloorMs: 20, idleCeilingMs: 100, failureCeilingMs: 100 },
    directory: { refreshMs: 50 },
  });
  running = host.run({ signal: stop.signal });
});

afterAll(async () => {
  stop.abort();
  await running;
  await host.close();
  project.remove();
});

const enqueue = (tenant: string, payload: string) =>
  project.shell(`multi-outbox enqueue ${tenant} orders '${payload}'`);
function stored() {
  const database = new DatabaseSync(project.file('.data/tenants/acme.db'), { timeout: 5_000 });
  try {
    return allMessages(database, 'outbox');
  } finally {
    database.close();
  }
}
const dispatched = (payload: string) => until(`${payload} is dispatched`, () => seen.includes(payload));
const play = (name: string) => project.run(blockOf(page, 'sh', name));

testWithShell(
  'Q8, F2: a tenant and the registry are restored under a running host',
  async () => {
    await enqueue('acme', 'before');
    await dispatched('before');
    await play('backup');
    await enqueue('acme', 'gone');
    await dispatched('gone');

    await play('restore-tenant');
    // The restored database gives it the sequence of the message that is gone.
    await enqueue('acme', 'after');
    await dispatched('after');
    const after = await until('it is settled', async () => {
      const found = stored().find(({ payload }) => payload === 'after');
      return found?.status === MessageStatus.Done && found;
    });
    expect(after.sequence).toBe(2);
    expect(seen).toEqual(['before', 'gone', 'after']);

    // Newer than the registry's backup: the host knows birch, and that acme is paused.
    await project.shell('multi-outbox tenants add birch');
    await enqueue('birch', 'first of birch');
    await dispatched('first of birch');
    await project.shell('multi-outbox tenants pause acme');
    await until('the host knows that acme is paused', async () => {
      const report = await host.dispatch({ tenantId: 'acme' });
      return report.skipped === 'not-active';
    });

    await play('restore-registry');
    await enqueue('acme', 'after the registry');
    await dispatched('after the registry');
    await project.shell('multi-outbox tenants add birch');
    await enqueue('birch', 'second of birch');
    await dispatched('second of birch');
  },
  60_000,
);
