/** D1, D7: one dispatch run, from its request to its report in the registry. */
import { DatabaseSync } from 'node:sqlite';
import type { TenantReport } from '../../../../src/engine/tenant-report.ts';
import { Fleet } from '../../../../src/fleet/index.ts';
import { roundRobin } from '../../../../src/fleet/plan/strategies/round-robin.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import type { HandlerDefinition } from '../../../../src/queue/handler.ts';
import { HandlerSet } from '../../../../src/queue/handler-set.ts';
import { loadSettings } from '../../../../src/settings.ts';
import { fakeTimers } from '../../../support/fake-timers.ts';
import { message, messages, orders } from '../../../support/queue-run.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();
const fleets: Fleet[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  for (const fleet of fleets.splice(0)) await fleet.close();
});

/** A host of the tenant acme, and the reports that it sends to the registry. */
async function scene(handle: HandlerDefinition['handle'] = () => {}) {
  const logger = recordingLogger();
  const fleet = new Fleet({
    settings: loadSettings({ dispatch: { batchSize: 1, concurrency: 1, timeBudgetMs: 10 } }, {}),
    tenants: undefined,
    logger,
    owner: 'host',
    engine: place.engine(),
    handlers: new Map([['outbox', new HandlerSet([orders(handle)])]]),
    strategy: roundRobin(),
    random: () => 1,
  });
  fleets.push(fleet);
  const other = await place.registry();
  await other.add(tenantDefinition({ id: 'acme' }), 'key');
  const { registry } = await fleet.handle.ready();
  const reports: TenantReport[] = [];
  const report = registry.report.bind(registry);
  const reporting = jest.spyOn(registry, 'report').mockImplementation((sent) => {
    reports.push(sent);
    return report(sent);
  });
  const outbox = (await place.tenant('acme')).queue('outbox');
  return { fleet, registry, reports, reporting, outbox, logger };
}

const request = { tenantId: 'acme' };
/** The first message's handler uses up the run's budget. No other time passes. */
const spendBudget = () => void jest.advanceTimersByTime(50);
/** More than are in flight when the budget is over. */
const backlog = messages(5);

describe('the request that carries on (F5)', () => {
  fakeTimers();

  test.each([
    ['true', true, true],
    ['a function that agrees', () => true, true],
    ['a function that does not', () => false, false],
    ['false', false, false],
    ['left out', undefined, false],
  ])('F5: with `continues` %s', async (_, continues, isContinued) => {
    const { fleet, reports, outbox } = await scene(spendBudget);
    await outbox.enqueue(backlog);
    const report = await fleet.dispatch(request, continues === undefined ? {} : { continues });
    expect(report).toMatchObject({ outcome: 'dispatched', more: true });
    expect(report.continuation !== undefined).toBe(isContinued);
    expect(reports).toHaveLength(1);
    expect(reports[0]!.continues !== undefined).toBe(isContinued);
  });

  test('F5: a function is asked at the end of the run', async () => {
    const order: string[] = [];
    const { fleet, outbox } = await scene(() => void order.push('handled'));
    await outbox.enqueue([message('1')]);
    await fleet.dispatch(request, { continues: () => order.push('asked') > 0 });
    expect(order).toEqual(['handled', 'asked']);
  });

  test('F5: the runs of a tenant that fails are no more frequent than plans', async () => {
    const { fleet, reports, outbox } = await scene();
    await outbox.enqueue([message('1')]);
    const foreign = new DatabaseSync(place.file('tenants/acme.db'));
    foreign.exec('ALTER TABLE Outbox RENAME TO Hidden');
    foreign.close();
    const continues = jest.fn(() => true);
    const report = await fleet.dispatch(request, { continues });
    expect(report.outcome).toBe('failed');
    expect(report.continuation).toBeUndefined();
    expect(continues).not.toHaveBeenCalled();
    expect(reports[0]).not.toHaveProperty('continues');
  });
});

describe('a report that the registry does not take (D7)', () => {
  fakeTimers();

  test.each([true, false])(
    'D7: the run is over; a backlog is continued if the caller does so (%p)',
    async (continues) => {
      const { fleet, reporting, outbox, logger } = await scene(spendBudget);
      reporting.mockRejectedValue(new Error('away'));
      await outbox.enqueue(backlog);
      const report = await fleet.dispatch(request, { continues });
      expect(report).toMatchObject({ outcome: 'dispatched', more: true });
      expect(report).not.toHaveProperty('woken');
      expect(report.continuation !== undefined).toBe(continues);
      expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    },
  );
});

describe('what a run tells the registry (F1, Q15)', () => {
  test('F1: the version of the tenant’s record, so that a report of a database that it has left is ignored', async () => {
    const { fleet, registry, reports } = await scene();
    await fleet.dispatch(request);
    expect(reports[0]!.tenantVersion).toBe((await registry.get('acme'))!.version);
  });

  test('Q15: not of a record whose version cannot be read, because its failure must be seen', async () => {
    const { fleet, reports } = await scene();
    const foreign = new DatabaseSync(place.file('registry.db'));
    foreign.exec(`UPDATE Tenants SET Tags = '["gold"]'`);
    foreign.close();
    expect(await fleet.dispatch(request)).toMatchObject({
      outcome: 'failed',
      error: { code: 'INVALID_TENANT' },
    });
    expect(reports[0]).not.toHaveProperty('tenantVersion');
  });
});

describe('the end of a run (F3)', () => {
  const pass = fakeTimers();

  test('F3: once it has reported, it postpones no plan any more', async () => {
    const { fleet, registry } = await scene();
    const postpone = jest.spyOn(registry, 'postpone');
    expect(await fleet.dispatch(request)).toMatchObject({ outcome: 'idle' });
    await pass(60_000);
    expect(postpone).not.toHaveBeenCalled();
  });
});
