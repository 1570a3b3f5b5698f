/** S3: one process's work on an operation, and what it keeps of it. */
import { randomUUID } from 'node:crypto';
import type { FindPart, FoundMessage, MessageFilter } from '../../../../src/engine/message-search.ts';
import type {
  OperationDefinition,
  OperationProgress,
  OperationRecord,
  OperationStore,
} from '../../../../src/engine/operation-store.ts';
import type { WorkQueue } from '../../../../src/engine/work-queue.ts';
import { MultiOutboxError } from '../../../../src/errors.ts';
import { OperationRun } from '../../../../src/fleet/stored-operations/run.ts';
import { type WorkAccess, workOf } from '../../../../src/fleet/stored-operations/work.ts';

/** A queue with so many pages of one message. */
function queueOf(pages: number, onPage: (filter: MessageFilter) => void): WorkQueue {
  const queue: Partial<WorkQueue> = {
    find: async (filter: MessageFilter, { after }: FindPart) => {
      onPage(filter);
      if (pages === 0) return { messages: [], examined: 0, next: null };
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
  onPage?: (filter: MessageFilter) => void;
  fails?: boolean;
  isClosed?: boolean;
}

const replaying: OperationDefinition = {
  on: 'messages',
  queue: 'outbox',
  act: { act: 'replay' },
  filter: {},
  countedAtLeast: false,
  countingMs: 0,
};

/** An operation over these tenants; each run goes on with what the last one has stored. */
function scene(
  tenants: Record<string, Tenant>,
  fields: Partial<OperationRecord> = {},
  onWrite: (writes: number) => Promise<boolean> = async () => true,
) {
  const record: OperationRecord = {
    id: randomUUID(),
    actor: 'ada',
    definition: replaying,
    targets: { tenants: Object.keys(tenants), uncounted: [] },
    counted: 0,
    state: 'running',
    createdUtc: new Date(0),
    updatedUtc: new Date(0),
    progress: { changed: 0, tenantsDone: 0, lastTenant: null, failures: [] },
    ...fields,
  };
  const writes: (OperationProgress & { readonly isDone: boolean; readonly areFailuresStored: boolean })[] =
    [];
  const stored = () => writes.at(-1) ?? record.progress;
  const operations: Partial<OperationStore> = {
    progress: async (_id, _runner, progress, { isDone, areFailuresStored }) => {
      writes.push({ ...progress, isDone, areFailuresStored });
      if (!(await onWrite(writes.length))) return null;
      return {
        ...record,
        state: isDone ? 'done' : 'running',
        targets: { tenants: record.targets.tenants!.length, uncounted: 0 },
        progress: { ...progress, failures: progress.failures.length },
      };
    },
  };
  const tried: string[] = [];
  const woken: string[] = [];
  const told: unknown[] = [];
  const access: Omit<WorkAccess, 'tenants'> = {
    useQueue: async (tenantId, _queue, action) => {
      tried.push(tenantId);
      const { pages = 1, onPage = () => {}, fails = false, isClosed = false } = tenants[tenantId]!;
      if (isClosed) throw new MultiOutboxError('CLOSED', 'This multi-outbox was closed.', { tenantId });
      if (fails) throw new Error(`${tenantId} cannot be reached`);
      return action(queueOf(pages, onPage));
    },
    wake: async (tenantId) => void woken.push(tenantId),
    audited: async (_entry, work) => work(),
  };
  const run = async (signal?: AbortSignal) => {
    const watch = { onProgress: () => {}, onTenant: (tenant: unknown) => void told.push(tenant) };
    const from = { ...record, progress: stored() };
    const work = workOf(access as WorkAccess, 'operations.resume', from, 'ada');
    const run = new OperationRun(operations as OperationStore, from, randomUUID(), work, watch);
    await run.all({ list: async () => [] }, signal);
    return { ...stored(), thisRun: run.changed, isOurs: run.isOurs };
  };
  return { run, writes, tried, woken, told };
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

test('S3: tenants whose databases a host closes because it stops have not failed: the next run works on them', async () => {
  const tenants: Record<string, Tenant> = { a: {}, b: { isClosed: true }, c: { isClosed: true } };
  const { run, writes } = scene(tenants);
  await expect(run()).rejects.toMatchObject({ code: 'CLOSED' });
  expect(writes.at(-1)).toMatchObject({ tenantsDone: 1, lastTenant: 'a', failures: [], isDone: false });
  for (const id of ['b', 'c']) tenants[id] = {};
  expect(await run()).toMatchObject({ tenantsDone: 3, lastTenant: 'c', failures: [], isDone: true });
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

const ofLetters = (count: number, tenant: () => Tenant = () => ({})) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [String.fromCharCode(97 + n), tenant()]));

test('S3: eight tenants are worked on at once, each once, and the progress is written after them', async () => {
  const { run, writes, tried } = scene(ofLetters(9));
  expect(await run()).toMatchObject({
    changed: 9,
    tenantsDone: 9,
    lastTenant: 'i',
    thisRun: 9,
    isOurs: true,
  });
  expect([...tried].sort()).toEqual([...'abcdefghi']);
  const afterEight = writes.findIndex(({ tenantsDone }) => tenantsDone === 8);
  expect(writes[afterEight]).toMatchObject({ changed: 8, lastTenant: 'h' });
  expect(writes.map(({ isDone }) => isDone)).toEqual(writes.map((_, n) => n === writes.length - 1));
});

test('S3: an operation over no tenants is done at once', async () => {
  const { run, writes } = scene({});
  await run();
  expect(writes).toMatchObject([{ changed: 0, tenantsDone: 0, isDone: true }]);
});

test('S3: a run that was stopped before it began changes and writes nothing', async () => {
  const { run, writes, tried } = scene(ofLetters(2));
  await run(AbortSignal.abort());
  expect([tried, writes]).toEqual([[], []]);
});

test('S3: a run that is stopped does no further batch, and is not done', async () => {
  const stop = new AbortController();
  let pages = 0;
  const onPage = () => {
    if (++pages === 3) stop.abort();
  };
  const { run, writes } = scene({ a: { pages: 50, onPage } });
  expect(await run(stop.signal)).toMatchObject({ changed: 3, tenantsDone: 0 });
  expect([pages, writes.length]).toEqual([3, 3]);
  expect(writes.some(({ isDone }) => isDone)).toBe(false);
});

test('S3: a run whose operation another process has taken does no further batch, and writes no more', async () => {
  let pages = 0;
  const tenants = { a: { pages: 50, onPage: () => void pages++ } };
  const { run, writes } = scene(tenants, {}, async (count) => count < 3);
  expect(await run()).toMatchObject({ isOurs: false });
  expect([pages, writes.length]).toEqual([3, 3]);
});

test('S3: a run that learns it after a group of tenants does not begin the next one', async () => {
  const { run, tried, writes } = scene(ofLetters(9), {}, async (count) => count < 9);
  await run();
  expect([tried.length, writes.length]).toEqual([8, 9]);
});

test('S3: only tenants with changed messages are woken; the caller is told of all, also of one that failed', async () => {
  const { run, woken, told } = scene({ a: { pages: 2 }, b: { pages: 0 }, c: { fails: true }, d: {} });
  await run();
  expect([...woken].sort()).toEqual(['a', 'd']);
  expect(told).toHaveLength(4);
  expect(told).toEqual(
    expect.arrayContaining([
      { tenantId: 'a', changed: 2 },
      { tenantId: 'b', changed: 0 },
      { tenantId: 'c', changed: 0 },
      { tenantId: 'd', changed: 1 },
    ]),
  );
});

test('S3: what runs before it have changed counts, and is not this run’s', async () => {
  const progress = { changed: 5, tenantsDone: 1, lastTenant: 'a', failures: [] };
  const { run, tried } = scene(ofLetters(2), { progress });
  expect(await run()).toMatchObject({ changed: 6, thisRun: 1, tenantsDone: 2, lastTenant: 'b' });
  expect(tried).toEqual(['b']);
});

test('S3: failures are written when one of them is over', async () => {
  const tenants: Record<string, Tenant> = { a: { fails: true }, b: {} };
  const { run, writes } = scene(tenants);
  expect((await run()).failures).toHaveLength(1);
  const before = writes.length;
  tenants.a!.fails = false;
  expect(await run()).toMatchObject({ failures: [], tenantsDone: 2 });
  expect(writes.slice(before).some(({ areFailuresStored }) => !areFailuresStored)).toBe(true);
});

test('S3: failures that an earlier run has stored are not written again before one of them is tried', async () => {
  const failures = [{ tenantId: 'i', code: 'FAILED', message: 'it is away' }];
  const progress = { changed: 0, tenantsDone: 0, lastTenant: null, failures };
  const { run, writes } = scene(ofLetters(9), { progress });
  await run();
  expect(writes[0]).toMatchObject({ areFailuresStored: true, failures });
  expect(writes.at(-1)).toMatchObject({ failures: [], tenantsDone: 9 });
});

test('S3: of more than a thousand failures all tenants are kept, and the texts of the first thousand', async () => {
  const id = (n: number) => `t${String(n).padStart(4, '0')}`;
  const all = Array.from({ length: 1_001 }, (_, n) => id(n));
  const { run } = scene(Object.fromEntries(all.map((tenantId) => [tenantId, { fails: true }])));
  const { failures } = await run();
  expect(failures.map(({ tenantId }) => tenantId)).toEqual(all);
  expect(failures.findIndex(({ message }) => message === '')).toBe(1_000);
});

test('S3: the progress is written once at a time, and each time as it is then', async () => {
  let underWay = 0;
  let most = 0;
  const { run, writes } = scene(
    ofLetters(8, () => ({ pages: 3 })),
    {},
    async () => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      return true;
    },
  );
  await run();
  expect(most).toBe(1);
  const changed = writes.map((write) => write.changed);
  expect(changed).toEqual([...changed].sort((a, b) => a - b));
});

test.each<[object, RegExp]>([
  [{ definition: { ...replaying, act: { act: 'retry' } } }, /^operations.resume: 'act' must be/],
  [{ definition: { on: 'tenants', act: { act: 'bury' } } }, /^operations.resume: this release does not know/],
])('S3: an act that this release does not know is tried in no tenant: %j', async (fields, message) => {
  const { run, tried, writes } = scene({ a: {} }, fields);
  await expect(run()).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  });
  expect([tried, writes]).toEqual([[], []]);
});

test('S3: a registry that does not take the progress ends the run, and is no failure of a tenant', async () => {
  let isAway = false;
  const { run, writes } = scene(ofLetters(9), {}, async () => {
    if (isAway) throw new Error('the registry is away');
    return true;
  });
  isAway = true;
  await expect(run()).rejects.toThrow('the registry is away');
  isAway = false;
  expect(writes.flatMap(({ failures }) => failures)).toEqual([]);
  expect(await run()).toMatchObject({ tenantsDone: 9, failures: [] });
});

test.each([
  [10_000, 10_498],
  [-10_000, 498],
])(
  'S3: messages are as old as the count, by the registry’s clock (%p ms) and by that of this process',
  async (sinceMs, olderThanMs) => {
    let now = 7_000;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    const asked: unknown[] = [];
    const tenants = {
      a: {
        pages: 2,
        onPage: (filter: MessageFilter) => {
          asked.push(filter.olderThanMs);
          now += 1_000;
        },
      },
    };
    const definition = { ...replaying, countingMs: 500 };
    const [createdUtc, updatedUtc] = [new Date(50_000), new Date(50_000 + sinceMs)];
    const { run } = scene(tenants, { definition, createdUtc, updatedUtc });
    await run();
    jest.restoreAllMocks();
    expect(asked).toEqual([olderThanMs, olderThanMs + 1_000]);
  },
);
