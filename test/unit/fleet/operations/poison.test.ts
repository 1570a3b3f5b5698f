import type { Registry } from '../../../../src/engine/registry.ts';
import { MultiOutboxError } from '../../../../src/errors.ts';
import { requestPages } from '../../../../src/fleet/dispatch/request-pages.ts';
import {
  handlePoisoned,
  type PoisonedQueue,
  poisonedRequest,
} from '../../../../src/fleet/operations/poison.ts';
import { wakeFirst } from '../../../../src/fleet/operations/wake-first.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { tenantNotActive, unknownTenant } from '../../../../src/fleet/tenants/tenant-errors.ts';
import { noCounts } from '../../../../src/queue/tally.ts';
import { parkedOutbox } from '../../../support/queue-state.ts';
import { type LogLine, recordingLogger } from '../../../support/recording-logger.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();
const refused = new MultiOutboxError(
  'INVALID_ARGUMENT',
  "This is not a dispatch request: 'version' is missing.",
);

const aReport = {
  tenantId: 'acme',
  outcome: 'idle',
  counts: noCounts,
  durationMs: 1,
  backlog: false,
  schedule: { mode: 'set', nextDueInMs: 0, idleStreak: 0, failureStreak: 0 },
} as const;

async function registryWith(...ids: string[]) {
  const registry = await place.registry();
  for (const id of ids) await registry.add(tenantDefinition({ id }), `key-of-${id}`);
  return registry;
}

/** Handles the message with this registry; its wakes go to the registry. */
async function handle(
  content: unknown,
  registry: Registry,
  {
    queue = 'dispatch',
    lines = [],
    messageId,
  }: { queue?: PoisonedQueue; lines?: LogLine[]; messageId?: string } = {},
) {
  const wake = (ids: readonly string[]) =>
    wakeFirst(ids, async (tenantIds) => {
      for (const id of tenantIds) {
        const tenant = await registry.get(id);
        if (tenant === null) throw unknownTenant(id);
        if ((await registry.wake([id])).tenantIds.length === 0) throw tenantNotActive(tenant);
      }
    });
  return handlePoisoned(content, queue, { registry, wake, logger: recordingLogger(lines), messageId });
}

describe('poisoned requests', () => {
  test('the tenant that a request names shows the reason, and its schedule stays as it was', async () => {
    const registry = await registryWith('acme');
    const before = (await registry.get('acme'))!.schedule;
    const lines: LogLine[] = [];
    const poisoned = poisonedRequest({ tenantId: 'acme', version: 9, secret: 'x' }, refused);
    const report = await handle(JSON.stringify(poisoned), registry, { lines });
    expect(report).toEqual({
      result: 'refused',
      tenantId: 'acme',
      reason: refused.message,
      recorded: true,
      requests: [],
    });
    const { schedule } = (await registry.get('acme'))!;
    expect(schedule).toMatchObject({
      lastOutcome: 'failed',
      lastErrorCode: 'POISONED',
      lastError: refused.message,
      failureStreak: 1,
      nextDueUtc: before.nextDueUtc,
      totals: before.totals,
    });
    expect((await registry.fleet()).failing).toBe(1);
    expect(lines).toEqual([
      {
        level: 'error',
        message: 'A queue message was given up.',
        fields: { queue: 'dispatch', tenantId: 'acme', reason: refused.message, recorded: true },
      },
    ]);
  });

  test('F3: a request that the host gave up is recorded as well, and its tenant is due now', async () => {
    const registry = await registryWith('acme');
    await registry.report({ ...aReport, schedule: { ...aReport.schedule, nextDueInMs: null } });
    expect((await registry.get('acme'))!.schedule.nextDueUtc).toBeNull();
    const report = await handle(
      { version: 1, tenantId: 'acme', reason: 'due', plannedUtc: '2026-03-01T10:00:00.000Z' },
      registry,
    );
    expect(report).toMatchObject({ result: 'recovered', tenantId: 'acme', recorded: true, requests: [] });
    expect((await registry.get('acme'))!.schedule.lastError).toMatch(/^The host gave up this request /);
    expect((await registry.fleet()).due).toBe(1);
  });

  test('F7: a wake that the host gave up wakes its tenant; that of a paused tenant is dropped', async () => {
    const registry = await registryWith('acme', 'birch');
    await registry.report({ ...aReport, schedule: { ...aReport.schedule, nextDueInMs: null } });
    await registry.setStatus('birch', 'paused');
    const lines: LogLine[] = [];
    expect(await handle('acme', registry, { queue: 'wake', lines })).toMatchObject({
      result: 'recovered',
      tenantId: 'acme',
    });
    expect((await registry.fleet()).due).toBe(1);
    expect(lines).toMatchObject([{ level: 'warn', fields: { queue: 'wake', tenantId: 'acme' } }]);
    expect(await handle('birch', registry, { queue: 'wake' })).toMatchObject({ result: 'recovered' });
  });

  test('F7: of the ids that a wake can mean, the first that is a tenant’s is woken', async () => {
    const registry = await registryWith('amdh');
    await registry.report({
      ...aReport,
      tenantId: 'amdh',
      schedule: { ...aReport.schedule, nextDueInMs: null },
    });
    expect(await handle('amdh', registry, { queue: 'wake' })).toMatchObject({ tenantId: 'amdh' });
    expect((await registry.fleet()).due).toBe(1);
  });

  test('F3: the requests of a page that the host gave up are returned', async () => {
    const registry = await registryWith('acme');
    const request = {
      version: 1,
      tenantId: 'acme',
      reason: 'due',
      plannedUtc: '2026-03-01T10:00:00.000Z',
      idleStreak: 0,
      failureStreak: 0,
      lastRunUtc: null,
    } as const;
    const [page] = requestPages([request], 10);
    expect((await handle(page, registry, { queue: 'pages' })).requests).toEqual([request]);
  });

  test.each<[PoisonedQueue, unknown, RegExp]>([
    ['dispatch', 'hello', /^This is not a dispatch request/],
    ['dispatch', { tenantId: 'nobody' }, /^There is no tenant 'nobody'/],
    ['pages', 'hello', /^This is not a page of dispatch requests/],
    ['wake', 'No Such', /^This is not a wake/],
    ['wake', 'nobody', /^There is no tenant 'nobody'/],
  ])('a message of %s that no try can help ends with its reason: %j', async (queue, content, reason) => {
    const registry = await registryWith('acme');
    const lines: LogLine[] = [];
    const report = await handle(content, registry, { queue, lines });
    expect(report).toMatchObject({ result: 'refused', reason: expect.stringMatching(reason) });
    expect(lines).toMatchObject([{ level: 'error', message: 'A queue message was given up.' }]);
  });

  test('the caller gets the registry’s error, so that it can try again', async () => {
    const registry = await registryWith('acme');
    await registry.close();
    await expect(handle('acme', registry, { queue: 'wake' })).rejects.toThrow();
    await expect(handle({ tenantId: 'acme' }, registry)).rejects.toThrow();
  });

  test('F6: a message that is handled again counts once, if its id is known; the same content is another message', async () => {
    const registry = await registryWith('acme');
    const content = poisonedRequest({ tenantId: 'acme' }, refused);
    const counted = async () => {
      const { failureStreak } = (await registry.get('acme'))!.schedule;
      return [(await registry.fleet()).poisoned.total, failureStreak];
    };
    for (let nth = 0; nth < 2; nth++) await handle(content, registry, { messageId: 'any text' });
    expect(await counted()).toEqual([1, 1]);
    await handle(content, registry, { messageId: 'another' });
    expect(await counted()).toEqual([2, 2]);
    await handle(content, registry, { messageId: 'any text', queue: 'wake' });
    expect(await counted()).toEqual([3, 3]);
    for (let nth = 0; nth < 2; nth++) await handle(content, registry);
    expect(await counted()).toEqual([5, 5]);
  });

  test('F3: a request that the host gave up counts one failure, however often it is handled', async () => {
    const registry = await registryWith('acme');
    const request = { version: 1, tenantId: 'acme', reason: 'due', plannedUtc: '2026-03-01T10:00:00.000Z' };
    for (let nth = 0; nth < 2; nth++) {
      expect(await handle(request, registry, { messageId: '1' })).toMatchObject({ result: 'recovered' });
    }
    expect((await registry.get('acme'))!.schedule.failureStreak).toBe(1);
  });

  test('results of an earlier run stay: backlog, topics without a handler, streaks', async () => {
    const registry = await registryWith('acme');
    await registry.report({
      tenantId: 'acme',
      outcome: 'idle',
      counts: (await registry.get('acme'))!.schedule.totals,
      durationMs: 1,
      backlog: true,
      queues: parkedOutbox('order.created'),
      schedule: { mode: 'set', nextDueInMs: null, idleStreak: 4, failureStreak: 2 },
    });
    await handle(poisonedRequest({ tenantId: 'acme' }, refused), registry);
    expect((await registry.get('acme'))!.schedule).toMatchObject({
      backlog: true,
      parkedTopics: ['order.created'],
      idleStreak: 4,
      failureStreak: 3,
      nextDueUtc: null,
    });
  });

  test.each<[string, unknown, string | null]>([
    ['no tenant', 'hello', null],
    ['an unknown tenant', { tenantId: 'nobody' }, 'nobody'],
  ])(
    'F6: a request of %s is in the log, and counts in the fleet’s status',
    async (_name, content, tenantId) => {
      const registry = await registryWith('acme');
      const lines: LogLine[] = [];
      const report = await handle(poisonedRequest(content, refused), registry, { lines });
      expect(report).toMatchObject({ tenantId, recorded: false });
      expect(lines).toHaveLength(1);
      expect(await registry.fleet()).toMatchObject({ failing: 0, poisoned: { total: 1 } });
    },
  );

  test('a retired tenant stays as it is', async () => {
    const registry = await registryWith('acme');
    await registry.setStatus('acme', 'retired');
    const report = await handle({ tenantId: 'acme' }, registry);
    expect(report.recorded).toBe(false);
  });

  test('what does not fit is cut: the reason to 400 characters, the content to 7,192, and not through a character', async () => {
    const long = poisonedRequest(`${'x'.repeat(7_191)}\u{1f600}`, new Error('y'.repeat(401)));
    expect(long.reason).toHaveLength(400);
    expect(long.content).toBe(`${'x'.repeat(7_191)}\ufffd`);
    expect(poisonedRequest(undefined, refused)).toMatchObject({ content: '', tenantId: null });
    const registry = await registryWith('acme');
    const read = { ...long, reason: 'z'.repeat(500), tenantId: 'acme' };
    const report = await handle(read, registry);
    expect(report).toMatchObject({ reason: 'z'.repeat(400), recorded: true });
    const { lastDurationMs } = (await registry.get('acme'))!.schedule;
    expect(lastDurationMs).toBe(0);
  });

  test('any request fits into a message of the poison queue', () => {
    for (const content of [
      '\u0000'.repeat(70_000),
      'ä'.repeat(70_000),
      '"'.repeat(70_000),
      '\u{1f600}'.repeat(9_000),
    ]) {
      const text = JSON.stringify(poisonedRequest(content, new Error('x'.repeat(10_000))));
      expect(Buffer.from(text).toString('base64').length).toBeLessThanOrEqual(65_536);
    }
    expect(poisonedRequest('short', refused)).toEqual({
      version: 1,
      reason: refused.message,
      content: 'short',
      tenantId: null,
    });
  });
});

test('F7: an error of the registry is thrown, so that the caller keeps the message and tries again', async () => {
  const registry = await registryWith('acme');
  const away = new MultiOutboxError('REGISTRY_UNAVAILABLE', 'the registry is away', { transient: true });
  jest.spyOn(registry, 'get').mockRejectedValue(away);
  const request = { version: 1, tenantId: 'acme', reason: 'due', plannedUtc: '2026-03-01T10:00:00.000Z' };
  await expect(handle(request, registry)).rejects.toBe(away);
});
