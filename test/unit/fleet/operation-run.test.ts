/** S3: one process's work on an operation, and what it keeps of it. */
import { randomUUID } from 'node:crypto';
import type { FindPart, FoundMessage, MessageFilter } from '../../../src/engine/message-search.ts';
import type { OperationProgress, OperationRecord } from '../../../src/engine/operation-store.ts';
import type { Registry } from '../../../src/engine/registry.ts';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { OperationRun, type OperationsAccess } from '../../../src/fleet/messages/operation-run.ts';

/** A queue with so many pages of one message. */
function queueOf(pages: number, onPage: () => void): WorkQueue {
  const queue: Partial<WorkQueue> = {
    find: async (_: MessageFilter, { after }: FindPart) => {
      onPage();
      const sequence = (after?.sequence ?? 0) + 1;
      return {
        messages: Array.from({ length: 1_000 }, () => ({ sequence }) as FoundMessage),
        examined: 1_000,
        next: sequence < pages ? { sequence, settledMs: null } : null,
      };
    },
    act: async () => ['changed'],
  };
  return queue as WorkQueue;
}

interface Tenant {
  readonly pages?: number;
  onPage?: () => void;
  fails?: boolean;
}

/** An operation over these tenants; each run goes on with what the last one has stored. */
function scene(tenants: Record<string, Tenant>) {
  const record: OperationRecord = {
    id: randomUUID(),
    actor: 'ada',
    definition: {
      queue: 'outbox',
      act: { act: 'replay' },
      filter: {},
      tenants: Object.keys(tenants),
      countedAtLeast: false,
      uncounted: [],
      countingMs: 0,
    },
    counted: 0,
    state: 'running',
    createdUtc: new Date(0),
    updatedUtc: new Date(0),
    progress: { changed: 0, tenantsDone: 0, lastTenant: null, failures: [] },
  };
  const writes: (OperationProgress & { readonly areFailuresStored: boolean })[] = [];
  const stored = () => writes.at(-1) ?? record.progress;
  const operations: Partial<Registry['operations']> = {
    progress: async (_id, _runner, progress, { isDone, areFailuresStored }) => {
      writes.push({ ...progress, areFailuresStored });
      return { ...record, state: isDone ? 'done' : 'running', progress };
    },
  };
  const tried: string[] = [];
  const access: OperationsAccess = {
    registry: async () => ({}) as Registry,
    useQueue: async (tenantId, _queue, action) => {
      tried.push(tenantId);
      const { pages = 1, onPage = () => {}, fails = false } = tenants[tenantId]!;
      if (fails) throw new Error(`${tenantId} cannot be reached`);
      return action(queueOf(pages, onPage));
    },
    wake: async () => {},
    audited: async (_entry, work) => work(),
  };
  const run = async (signal?: AbortSignal) => {
    const watch = { onProgress: () => {}, onTenant: () => {} };
    const from = { ...record, progress: stored() };
    const run = new OperationRun(access, operations as Registry['operations'], from, randomUUID(), watch);
    await run.all(signal);
    return stored();
  };
  return { run, writes, tried };
}

test('S3: a tenant counts as done once, also when the operation was stopped while another one was under way', async () => {
  const tenants: Record<string, Tenant> = { a: {}, b: { pages: 50 }, c: {} };
  const stop = new AbortController();
  let pages = 0;
  tenants.b!.onPage = () => {
    if (++pages === 20) stop.abort();
  };
  const { run, tried } = scene(tenants);
  const stopped = await run(stop.signal);
  expect(stopped).toMatchObject({ tenantsDone: 1, lastTenant: 'a' });
  expect(await run()).toMatchObject({ tenantsDone: 3, lastTenant: 'c', failures: [] });
  expect(tried).toEqual(['a', 'b', 'c', 'b', 'c']);
});

test('S3: a tenant that fails before the operation is stopped is tried once when it is resumed, and counts once', async () => {
  const tenants: Record<string, Tenant> = { a: { pages: 50 }, b: { fails: true }, c: {} };
  const stop = new AbortController();
  let pages = 0;
  tenants.a!.onPage = () => {
    if (++pages === 20) stop.abort();
  };
  const { run, tried } = scene(tenants);
  expect(await run(stop.signal)).toMatchObject({
    tenantsDone: 0,
    lastTenant: null,
    failures: [{ tenantId: 'b' }],
  });
  tried.length = 0;
  expect(await run()).toMatchObject({ tenantsDone: 2, lastTenant: 'c', failures: [{ tenantId: 'b' }] });
  expect(tried).toEqual(['a', 'b', 'c']);
  tenants.b!.fails = false;
  expect(await run()).toMatchObject({ tenantsDone: 3, lastTenant: 'c', failures: [] });
});

test('S3: the failures are written when they have changed, and not with every batch', async () => {
  const tenants: Record<string, Tenant> = { a: { fails: true }, b: { pages: 50 }, c: { fails: true } };
  const { run, writes } = scene(tenants);
  await run();
  expect(writes.length).toBeGreaterThan(50);
  const written = writes.filter(({ areFailuresStored }) => !areFailuresStored);
  expect(written.length).toBeLessThanOrEqual(2);
  expect(written.at(-1)!.failures.map(({ tenantId }) => tenantId)).toEqual(['a', 'c']);
  const before = writes.length;
  tenants.a!.fails = false;
  await run();
  expect(writes.slice(before).map(({ areFailuresStored }) => areFailuresStored)).toContain(false);
  expect(writes.at(-1)!.failures.map(({ tenantId }) => tenantId)).toEqual(['c']);
});
