/** S3: the record of operators' acts, and operations with their progress, as the registry keeps them. */
import { randomUUID } from 'node:crypto';
import type { AuditEntry } from '../../src/engine/audit.ts';
import type { NewOperation, OperationProgress } from '../../src/engine/operation-store.ts';
import type { Scene } from './scene.ts';

const entry: AuditEntry = {
  actor: 'ada 😀',
  act: 'replay',
  tenantId: 'acme',
  queue: 'outbox',
  selection: { messageIds: ['1', '2'], topic: 'Ä' },
  operationId: null,
};

const progress: OperationProgress = { changed: 0, tenantsDone: 0, lastTenant: null, failures: [] };

const going = { isDone: false, areFailuresStored: false };
const atEnd = { isDone: true, areFailuresStored: false };

function operation(fields: Partial<NewOperation> = {}): NewOperation {
  const definition = {
    on: 'messages',
    queue: 'inbox',
    act: { act: 'replay' },
    filter: { topic: 'Ä' },
    countedAtLeast: true,
    countingMs: 5,
  } as const;
  const targets = { tenants: null, uncounted: ['b'] };
  return { id: randomUUID(), actor: 'ada', definition, targets, counted: 7, progress, ...fields };
}

/** With numbers of tenants in place of their ids. */
function outlined<Operation extends Pick<NewOperation, 'targets' | 'progress'>>({
  targets: { tenants, uncounted },
  progress,
  ...rest
}: Operation) {
  return {
    ...rest,
    targets: { tenants: tenants?.length ?? null, uncounted: uncounted.length },
    progress: { ...progress, failures: progress.failures.length },
  };
}

export function registryOperationsSuite(scene: Scene): void {
  describe('registry: operations', () => {
    test('S3: an act has a row from its beginning, which is completed once', async () => {
      const { audit } = (await scene.registry()).registry;
      const id = await audit.begin(entry);
      const [begun] = await audit.list({ limit: 10 });
      expect(begun).toEqual({
        ...entry,
        id,
        startedUtc: expect.any(Date),
        endedUtc: null,
        count: null,
        error: null,
      });
      await audit.end(id, { count: 2 });
      await audit.end(id, { error: 'too late' });
      const [ended] = await audit.list({ limit: 10 });
      expect(ended).toEqual({ ...begun, endedUtc: expect.any(Date), count: 2 });
      const failed = await audit.begin({ ...entry, tenantId: null, queue: null, act: 'lease-release' });
      await audit.end(failed, { error: 'DATABASE_LOCKED: it is locked' });
      expect((await audit.list({ limit: 1 }))[0]).toMatchObject({
        id: failed,
        tenantId: null,
        queue: null,
        count: null,
        error: 'DATABASE_LOCKED: it is locked',
      });
    });

    test('S3: the record is read page by page, the latest first, also of one tenant or operation', async () => {
      const { audit } = (await scene.registry()).registry;
      const operationId = randomUUID();
      const ids: string[] = [];
      for (const tenantId of ['acme', 'beta', 'acme', 'beta', 'acme'])
        ids.push(await audit.begin({ ...entry, tenantId, ...(tenantId === 'beta' && { operationId }) }));
      const of = async (query: object) => (await audit.list({ limit: 10, ...query })).map(({ id }) => id);
      expect(await of({})).toEqual(ids.toReversed());
      expect(await of({ limit: 2 })).toEqual([ids[4], ids[3]]);
      expect(await of({ limit: 2, before: ids[3] })).toEqual([ids[2], ids[1]]);
      expect(await of({ tenantId: 'acme' })).toEqual([ids[4], ids[2], ids[0]]);
      expect(await of({ operationId })).toEqual([ids[3], ids[1]]);
      expect(await of({ operationId, tenantId: 'acme' })).toEqual([]);
    });

    test('S3: an operation keeps what it does, and the progress of the runner that took it last', async () => {
      const { operations } = (await scene.registry()).registry;
      const created = operation();
      const times = { createdUtc: expect.any(Date), updatedUtc: expect.any(Date) };
      const outline = await operations.create(created);
      expect(outline).toEqual({ ...outlined(created), state: 'counted', ...times });
      const { createdUtc, updatedUtc } = outline;
      expect(await operations.get(created.id)).toEqual({
        ...created,
        state: 'counted',
        createdUtc,
        updatedUtc,
      });
      expect(await operations.outline(created.id)).toEqual(outline);
      const [first, second] = [randomUUID(), randomUUID()];
      const later = {
        changed: 3,
        tenantsDone: 1,
        lastTenant: 'acme',
        failures: [{ tenantId: 'beta', code: 'DATABASE_LOCKED', message: 'it is locked' }],
      };
      // No runner has taken it.
      expect(await operations.progress(created.id, first, later, going)).toBeNull();
      expect(await operations.take(created.id, first)).toMatchObject({ state: 'running', progress });
      expect(await operations.progress(created.id, first, later, going)).toMatchObject({
        state: 'running',
        progress: { ...later, failures: 1 },
      });
      expect(await operations.take(created.id, second)).toMatchObject({ state: 'running', progress: later });
      expect(await operations.progress(created.id, first, progress, atEnd)).toBeNull();
      expect(await operations.progress(created.id, second, later, atEnd)).toMatchObject({
        state: 'done',
        targets: { tenants: null, uncounted: 1 },
        progress: { ...later, failures: 1 },
      });
      expect(await operations.get(created.id)).toMatchObject({ targets: created.targets, progress: later });
      expect(await operations.cancel(created.id)).toBeNull();
      // Tenants that failed can be tried again.
      expect(await operations.take(created.id, first)).toMatchObject({ state: 'running' });
    });

    test('S3: progress without the failures leaves the stored ones as they are', async () => {
      const { operations } = (await scene.registry()).registry;
      const { id } = await operations.create(operation());
      const runner = randomUUID();
      await operations.take(id, runner);
      const failures = [{ tenantId: 'beta', code: 'DATABASE_LOCKED', message: 'it is locked' }];
      await operations.progress(id, runner, { ...progress, failures }, going);
      const later = { ...progress, changed: 9, lastTenant: 'cedar', failures };
      const options = { isDone: false, areFailuresStored: true };
      const outline = { ...later, failures: 1 };
      expect(await operations.progress(id, runner, later, options)).toMatchObject({ progress: outline });
      expect(await operations.get(id)).toMatchObject({ progress: later });
      expect((await operations.list({ limit: 1 }))[0]).toMatchObject({ progress: outline });
      // What is not sent is not stored.
      await operations.progress(id, runner, progress, options);
      expect(await operations.get(id)).toMatchObject({ progress: { ...progress, failures } });
      await operations.progress(id, runner, progress, going);
      expect(await operations.take(id, randomUUID())).toMatchObject({ progress });
    });

    test('S3: no runner goes on with a cancelled operation', async () => {
      const { operations } = (await scene.registry()).registry;
      const { id } = await operations.create(operation());
      const runner = randomUUID();
      await operations.take(id, runner);
      expect(await operations.cancel(id)).toMatchObject({ state: 'cancelled' });
      expect(await operations.cancel(id)).toBeNull();
      expect(await operations.progress(id, runner, progress, atEnd)).toBeNull();
      expect(await operations.take(id, runner)).toBeNull();
      expect(await operations.get(id)).toMatchObject({ state: 'cancelled' });
      const other = randomUUID();
      for (const unknown of [
        operations.take(other, runner),
        operations.get(other),
        operations.outline(other),
      ])
        expect(await unknown).toBeNull();
    });

    test('S3: an operation on 20,000 tenants keeps their ids, and a list has their number', async () => {
      const { operations } = (await scene.registry()).registry;
      const tenants = Array.from({ length: 20_000 }, (_, n) => `tenant-of-this-fleet-${n}`);
      const created = operation({
        definition: { on: 'tenants', act: { act: 'change-overrides', overrides: { batchSize: null } } },
        targets: { tenants, uncounted: [] },
        counted: 19_000,
      });
      const { id } = created;
      await operations.create(created);
      expect(await operations.list({ limit: 9 })).toMatchObject([outlined(created)]);
      expect(await operations.get(id)).toMatchObject(created);
      const runner = randomUUID();
      expect(await operations.take(id, runner)).toMatchObject({ targets: created.targets });
      const failures = tenants.map((tenantId) => ({ tenantId, code: 'UNKNOWN_TENANT', message: 'Ä' }));
      await operations.progress(id, runner, { ...progress, failures }, going);
      expect(await operations.list({ limit: 9 })).toMatchObject([{ progress: { failures: 20_000 } }]);
      expect(await operations.cancel(id)).toMatchObject({
        targets: created.targets,
        progress: { ...progress, failures },
      });
    });

    test('S3: operations are listed page by page, the latest first', async () => {
      const { operations } = (await scene.registry()).registry;
      const ids: string[] = [];
      for (let index = 0; index < 5; index++) ids.push((await operations.create(operation())).id);
      const listed = (await operations.list({ limit: 2 })).map(({ id }) => id);
      expect(listed).toEqual([ids[4], ids[3]]);
      expect((await operations.list({ limit: 9, before: listed[1]! })).map(({ id }) => id)).toEqual([
        ids[2],
        ids[1],
        ids[0],
      ]);
    });
  });
}
