import { MultiOutboxError } from '../../../../src/errors.ts';
import { poisonedRequest, recordPoisoned } from '../../../../src/fleet/operations/poison.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { type LogLine, recordingLogger } from '../../../support/recording-logger.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();
const refused = new MultiOutboxError(
  'INVALID_ARGUMENT',
  "This is not a dispatch request: 'version' is missing.",
);

async function registryWith(...ids: string[]) {
  const registry = await place.registry();
  for (const id of ids) await registry.add(tenantDefinition({ id }), `key-of-${id}`);
  return registry;
}

describe('poisoned requests', () => {
  test('the tenant that a request names shows the reason, and its schedule stays as it was', async () => {
    const registry = await registryWith('acme');
    const before = (await registry.get('acme'))!.schedule;
    const lines: LogLine[] = [];
    const poisoned = poisonedRequest({ tenantId: 'acme', version: 9, secret: 'x' }, refused);
    const report = await recordPoisoned(JSON.stringify(poisoned), {
      registry,
      logger: recordingLogger(lines),
    });
    expect(report).toEqual({ tenantId: 'acme', reason: refused.message, recorded: true });
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
        message: 'A dispatch request was given up and moved to the poison queue.',
        fields: { tenantId: 'acme', reason: refused.message, recorded: true },
      },
    ]);
  });

  test('a request that the host gave up is recorded as well', async () => {
    const registry = await registryWith('acme');
    const report = await recordPoisoned(
      { version: 1, tenantId: 'acme', reason: 'due', plannedUtc: '2026-03-01T10:00:00.000Z' },
      { registry, logger: recordingLogger() },
    );
    expect(report).toMatchObject({ tenantId: 'acme', recorded: true });
    expect((await registry.get('acme'))!.schedule.lastError).toMatch(/^The host gave up this request /);
  });

  test('results of an earlier run stay: backlog, topics without a handler, streaks', async () => {
    const registry = await registryWith('acme');
    await registry.report({
      tenantId: 'acme',
      outcome: 'idle',
      counts: (await registry.get('acme'))!.schedule.totals,
      durationMs: 1,
      backlog: true,
      parkedTopics: ['order.created'],
      schedule: { mode: 'set', nextDueInMs: null, idleStreak: 4, failureStreak: 2 },
    });
    await recordPoisoned(poisonedRequest({ tenantId: 'acme' }, refused), {
      registry,
      logger: recordingLogger(),
    });
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
  ])('only the log mentions a request of %s', async (_name, content, tenantId) => {
    const registry = await registryWith('acme');
    const lines: LogLine[] = [];
    const report = await recordPoisoned(poisonedRequest(content, refused), {
      registry,
      logger: recordingLogger(lines),
    });
    expect(report).toMatchObject({ tenantId, recorded: false });
    expect(lines).toHaveLength(1);
    expect((await registry.fleet()).failing).toBe(0);
  });

  test('a retired tenant stays as it is', async () => {
    const registry = await registryWith('acme');
    await registry.setStatus('acme', 'retired');
    const report = await recordPoisoned({ tenantId: 'acme' }, { registry, logger: recordingLogger() });
    expect(report.recorded).toBe(false);
  });

  test('what does not fit is cut: the reason to 400 characters, the content to 7,192, and not through a character', async () => {
    const long = poisonedRequest(`${'x'.repeat(7_191)}\u{1f600}`, new Error('y'.repeat(401)));
    expect(long.reason).toHaveLength(400);
    expect(long.content).toBe(`${'x'.repeat(7_191)}\ufffd`);
    expect(poisonedRequest(undefined, refused)).toMatchObject({ content: '', tenantId: null });
    const registry = await registryWith('acme');
    const read = { ...long, reason: 'z'.repeat(500), tenantId: 'acme' };
    const report = await recordPoisoned(read, { registry, logger: recordingLogger() });
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
