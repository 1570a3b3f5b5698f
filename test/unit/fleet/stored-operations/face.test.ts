/** S3: the part `operations` of the library's interface: what it checks, asks, changes and records. */
import { randomUUID } from 'node:crypto';
import type { OperationDefinition } from '../../../../src/engine/operation-store.ts';
import type { Operations } from '../../../../src/fleet/stored-operations/index.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { operatorScene } from '../../../support/operator-scene.ts';
import { messages as numbered } from '../../../support/queue-run.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();
const scene = (...ids: string[]) => operatorScene(place, ...ids);

describe('what each call refuses, by its name, before it asks any database (S3)', () => {
  const id = randomUUID();
  test.each<[string, (face: Operations) => Promise<unknown>]>([
    ["operations.create: 'act' must be", (f) => f.create({ act: 'x' as never, filter: {} })],
    [
      "operations.create: 'replay' takes no reason",
      (f) => f.create({ act: 'replay', reason: 'x', filter: {} }),
    ],
    ["operations.create: 'replay' takes no delay", (f) => f.create({ act: 'replay', delay: 1, filter: {} })],
    ["operations.create: 'topic' must be", (f) => f.create({ act: 'replay', filter: { topic: 7 as never } })],
    [
      "operations.create: 'queue' must be",
      (f) => f.create({ act: 'replay', filter: {}, queue: 'x' as never }),
    ],
    [
      "operations.create: 'payloadText' searches one tenant",
      (f) => f.create({ act: 'replay', filter: { payloadText: 'x' }, tenants: ['a', 'b'] }),
    ],
    [
      "operations.create: 'payloadText' searches one tenant",
      (f) => f.create({ act: 'replay', filter: { payloadText: 'x' } }),
    ],
    ["operations.create: '?onTenant", (f) => f.create({ act: 'replay', filter: {}, onTenant: 7 as never })],
    ["operations.resume: an operation's id", (f) => f.resume('x')],
    ['operations.resume: .*signal', (f) => f.resume(id, { signal: 7 as never })],
    ["operations.resume: '?onProgress", (f) => f.resume(id, { onProgress: 7 as never })],
    ["operations.resume: '?onTenant", (f) => f.resume(id, { onTenant: 7 as never })],
    ["operations.cancel: an operation's id", (f) => f.cancel('x')],
    ["operations.cancel: .*'reason'", (f) => f.cancel(id, { reason: 'x' } as never)],
    ["operations.get: an operation's id", (f) => f.get('x')],
    ["operations.summary: an operation's id", (f) => f.summary('x')],
    ["operations.list: an operation's id", (f) => f.list({ before: 'x' })],
    ["operations.list: 'limit' must be a whole number from 1 to 1000", (f) => f.list({ limit: 0 })],
    ["operations.list: 'limit' must be", (f) => f.list({ limit: 1_001 })],
    [
      "operations.create: 'pause' takes no filter",
      (f) => f.create({ act: 'pause', tenants: [], filter: {} } as never),
    ],
    [
      "operations.create: 'wake' takes no queue",
      (f) => f.create({ act: 'wake', tenants: [], queue: 'inbox' } as never),
    ],
    [
      "operations.create: 'wake' takes no overrides",
      (f) => f.create({ act: 'wake', tenants: [], overrides: {} } as never),
    ],
    [
      "operations.create: 'replay' takes no overrides",
      (f) => f.create({ act: 'replay', filter: {}, overrides: {} } as never),
    ],
    ["operations.create: 'tenants' is missing", (f) => f.create({ act: 'pause' } as never)],
    [
      "operations.create: 'tenants' must be a list of ids",
      (f) => f.create({ act: 'pause', tenants: 'a' as never }),
    ],
    [
      'operations.create: the change names no override',
      (f) => f.create({ act: 'change-overrides', overrides: {}, tenants: [] }),
    ],
    [
      "operations.create: 'batch' is not an option",
      (f) => f.create({ act: 'change-overrides', overrides: { batch: 1 } as never, tenants: [] }),
    ],
  ])('S3: %s', async (problem, act) => {
    const { operations, used, rows } = await scene();
    await expect(act(operations)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(new RegExp(`^${problem}`)),
    });
    expect([used, await rows()]).toEqual([[], []]);
  });

  test('S3: a value outside its bounds is refused once, and without it', async () => {
    const { operations, rows } = await scene('acme');
    const overrides = { idleCeilingMs: 'pwd=hunter2' };
    const create = operations.create({ act: 'change-overrides', overrides, tenants: ['acme'] });
    await expect(create).rejects.toMatchObject({
      code: 'INVALID_TENANT',
      message: expect.stringMatching(/^operations.create: idleCeilingMs must be (?!.*hunter2)/),
    });
    expect([await rows(), await operations.list()]).toEqual([[], []]);
  });

  test.each<[string, (face: Operations) => Promise<unknown>]>([
    ['operations.resume', (f) => f.resume(id)],
    ['operations.cancel', (f) => f.cancel(id)],
    ['operations.get', (f) => f.get(id)],
    ['operations.summary', (f) => f.summary(id)],
  ])('S3: %s of an operation that is not there', async (call, act) => {
    const { operations } = await scene();
    await expect(act(operations)).rejects.toMatchObject({
      code: 'OPERATION_NOT_FOUND',
      message: `${call}: there is no operation '${id}'; list them.`,
    });
  });

  test('S3: the bounds themselves are taken', async () => {
    const { operations } = await scene();
    for (const limit of [1, 1_000]) expect(await operations.list({ limit })).toEqual([]);
  });
});

describe('operations on messages (S3)', () => {
  test('S3: a new one keeps what it was asked, counts, and changes nothing', async () => {
    const { operations, outbox, rows, woken } = await scene('acme', 'birch');
    for (const id of ['acme', 'birch']) await outbox(id).enqueue(numbered(2));
    const told: unknown[] = [];
    const { operation, counted } = await operations.create({
      act: 'cancel',
      reason: 'sent twice',
      filter: { topic: 'orders', payloadText: '1' },
      tenants: ['acme'],
      by: 'grace',
      onTenant: (...of) => told.push(of),
    });
    expect(operation).toMatchObject({
      state: 'counted',
      actor: 'grace',
      act: { act: 'cancel', reason: 'sent twice' },
      queue: 'outbox',
      filter: { topic: 'orders', payloadText: '1' },
      tenants: ['acme'],
      counted: 1,
      uncounted: [],
      changed: 0,
      tenantsDone: 0,
      lastTenant: null,
    });
    expect(operation.act).not.toHaveProperty('delay');
    expect(counted.counted).toBe(1);
    expect(told).toEqual([[1, 1]]);
    const row = {
      act: 'operation-start',
      actor: 'grace',
      queue: 'outbox',
      operationId: operation.id,
      count: 0,
    };
    expect(await rows()).toMatchObject([row]);
    expect((await rows())[0]!.selection).toEqual({
      act: { act: 'cancel', reason: 'sent twice' },
      filter: { topic: 'orders', payloadText: true },
      queue: 'outbox',
      tenants: ['acme'],
    });
    expect(woken).toEqual([]);
  });

  test('S3: one that is resumed ends, with a row of what it changed; its end can be seen', async () => {
    const { operations, outbox, rows, woken } = await scene('acme', 'birch');
    for (const id of ['acme', 'birch']) await outbox(id).enqueue(numbered(2));
    const { operation } = await operations.create({ act: 'reschedule', delay: '1h', filter: {} });
    expect(operation).toMatchObject({ act: { act: 'reschedule', delay: '1h' }, tenants: null });
    const [progress, told]: [number[], string[]] = [[], []];
    const ended = await operations.resume(operation.id.toUpperCase(), {
      by: 'grace',
      onProgress: ({ changed }) => progress.push(changed),
      onTenant: ({ tenantId }) => told.push(tenantId),
    });
    expect(ended).toMatchObject({ state: 'done', changed: 4, tenantsDone: 2, takenOver: false });
    expect([progress.at(-1), told.sort(), woken.sort()]).toEqual([4, ['acme', 'birch'], ['acme', 'birch']]);
    expect(await operations.get(operation.id.toUpperCase())).toMatchObject({
      state: 'done',
      changed: 4,
    });
    expect((await rows()).at(-1)).toMatchObject({
      act: 'operation-resume',
      actor: 'grace',
      queue: 'outbox',
      operationId: operation.id,
      count: 4,
      selection: { act: { act: 'reschedule', delay: '1h' }, filter: {} },
    });
    await expect(operations.cancel(operation.id)).rejects.toMatchObject({
      code: 'OPERATION_CANCELLED',
      message: `operations.cancel: operation '${operation.id}' has ended already; see its state.`,
    });
  });

  test('S3: one whose signal has fired changes nothing; a cancelled one is not resumed', async () => {
    const { operations, outbox, rows } = await scene('acme');
    await outbox('acme').enqueue(numbered(1));
    const { operation } = await operations.create({ act: 'cancel', filter: {} });
    const stopped = await operations.resume(operation.id, { signal: AbortSignal.abort() });
    expect(stopped).toMatchObject({ state: 'running', changed: 0, takenOver: false });
    expect(await operations.cancel(operation.id.toUpperCase(), { by: 'grace' })).toMatchObject({
      state: 'cancelled',
    });
    expect((await rows()).at(-1)).toMatchObject({
      act: 'operation-cancel',
      actor: 'grace',
      operationId: operation.id,
      count: 0,
    });
    await expect(operations.resume(operation.id)).rejects.toMatchObject({
      code: 'OPERATION_CANCELLED',
      message: `operations.resume: operation '${operation.id}' was cancelled; create another one.`,
    });
  });

  test('S3: one that is cancelled meanwhile was not taken over; one that another process resumes was', async () => {
    const { operations, registry, outbox } = await scene('acme');
    await outbox('acme').enqueue(numbered(1));
    const resumed = async (meanwhile: (id: string) => Promise<unknown>) => {
      const { operation } = await operations.create({ act: 'reschedule', delay: 0, filter: {} });
      const { progress } = registry.operations;
      jest.spyOn(registry.operations, 'progress').mockImplementationOnce(async (...given) => {
        await meanwhile(operation.id);
        return progress.apply(registry.operations, given);
      });
      return operations.resume(operation.id);
    };
    const cancelled = await resumed((id) => operations.cancel(id));
    expect(cancelled).toMatchObject({ state: 'cancelled', takenOver: false });
    const taken = await resumed((id) => registry.operations.take(id, randomUUID()));
    expect(taken).toMatchObject({ state: 'running', takenOver: true });
  });

  test.each<[string, OperationDefinition]>([
    [
      'an act on messages',
      {
        on: 'messages',
        act: { act: 'sell' },
        queue: 'outbox',
        filter: {},
        countedAtLeast: false,
        countingMs: 0,
      },
    ],
    ['an act on tenants', { on: 'tenants', act: { act: 'sell' } }],
  ])(
    'S3: with %s that this release does not know, it stays with the process that works on it',
    async (_, definition) => {
      const { operations, registry } = await scene('acme');
      const [id, newer] = [randomUUID(), randomUUID()];
      const progress = { changed: 0, tenantsDone: 0, lastTenant: null, failures: [] };
      const targets = { tenants: ['acme'], uncounted: [] };
      await registry.operations.create({ id, actor: 'ada', definition, targets, counted: 0, progress });
      await registry.operations.take(id, newer);
      await expect(operations.resume(id)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      const isDone = { isDone: true, areFailuresStored: true };
      expect(await registry.operations.progress(id, newer, progress, isDone)).toMatchObject({
        state: 'done',
      });
    },
  );

  test('S3, D8: tenants that could not be counted are kept by id', async () => {
    const { operations, registry } = await scene('acme');
    for (const id of ['elm', 'dune']) await registry.add(tenantDefinition({ id }), `key-of-${id}`);
    const { operation } = await operations.create({ act: 'replay', filter: {} });
    expect(operation.uncounted).toEqual(['dune', 'elm']);
  });

  test('S3: the latest come first, 100 a page', async () => {
    const { operations } = await scene();
    const ids: string[] = [];
    for (let n = 0; n < 101; n++)
      ids.unshift((await operations.create({ act: 'replay', filter: {}, tenants: [] })).operation.id);
    const listed = (await operations.list()).map(({ id }) => id);
    expect(listed).toEqual(ids.slice(0, 100));
    const next = await operations.list({ before: ids[98]!.toUpperCase(), limit: 1 });
    expect(next.map(({ id }) => id)).toEqual([ids[99]]);
  });
});
