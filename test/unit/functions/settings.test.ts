import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { functionSettings, intervalOf } from '../../../functions/settings.ts';
import hostJson from '../../../host.json' with { type: 'json' };
import { isMultiOutboxError } from '../../../src/errors.ts';
import { loadSettings, type SettingsInput } from '../../../src/settings.ts';

function refusal(env: NodeJS.ProcessEnv): string {
  try {
    functionSettings(env);
  } catch (error) {
    if (isMultiOutboxError(error, 'INVALID_CONFIGURATION')) return error.message;
    throw error;
  }
  throw new Error('Nothing was refused.');
}

const timeout = 'AzureFunctionsJobHost__functionTimeout';

const secondsOf = (time: string) => time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);

describe('settings of a function app', () => {
  test('settings not given have this host’s defaults; the others are as everywhere', () => {
    const { dispatch, plan, ...rest } = functionSettings({});
    const elsewhere = loadSettings({}, {});
    expect(dispatch).toEqual({ ...elsewhere.dispatch, graceMs: 3_000 });
    expect(plan).toEqual({
      ...elsewhere.plan,
      capacity: 10_000,
      intervalMs: 5_000,
      redispatchMs: 36_000,
    });
    const { dispatch: _, plan: __, ...others } = elsewhere;
    expect(rest).toEqual(others);
  });

  test('F3: what a killed instance leaves begins again within 45 seconds, as docs/azure.md promises', () => {
    const { dispatch, plan } = functionSettings({});
    const { singleton, extensions } = hostJson;
    const planAndPoll = plan.intervalMs / 1_000 + secondsOf(extensions.queues.maxPollingInterval);
    const after = {
      run: dispatch.leaseMs / 1_000,
      request: plan.redispatchMs! / 1_000,
      timer:
        secondsOf(singleton.listenerLockPeriod) + secondsOf(singleton.listenerLockRecoveryPollingInterval),
    };
    const late = Object.entries(after).filter(([, seconds]) => seconds + planAndPoll > 45);
    expect(late).toEqual([]);
    // A request may wait for a run that was stopped just before: its lease ends, or its handlers get the grace.
    expect(plan.redispatchMs).toBeGreaterThanOrEqual(dispatch.leaseMs + dispatch.graceMs);
  });

  test('app settings come before them; empty ones count as absent', () => {
    const { dispatch, plan } = functionSettings({
      MULTI_OUTBOX_GRACE: '1s',
      MULTI_OUTBOX_PLAN_CAPACITY: '',
      MULTI_OUTBOX_PLAN_INTERVAL: '7s',
      MULTI_OUTBOX_REDISPATCH: '4m',
    });
    expect(dispatch.graceMs).toBe(1_000);
    expect(plan).toMatchObject({ capacity: 10_000, intervalMs: 7_000, redispatchMs: 240_000 });
  });

  test('an option in code comes before the app setting, and before the defaults of this host', () => {
    const given = {
      dispatch: { graceMs: '2s', timeBudgetMs: '90s' },
      plan: { intervalMs: '9s', capacity: 50 },
      functions: { schedule: '0 */2 * * * *' },
    };
    const env = { MULTI_OUTBOX_GRACE: '1s', MULTI_OUTBOX_PLAN_CAPACITY: '70', MULTI_OUTBOX_BATCH_SIZE: '7' };
    const { dispatch, plan, functions } = functionSettings(env, given);
    expect(dispatch).toMatchObject({ graceMs: 2_000, timeBudgetMs: 90_000, batchSize: 7 });
    expect(plan).toMatchObject({ intervalMs: 9_000, capacity: 50 });
    expect(functions.schedule).toBe('0 */2 * * * *');
    expect(functionSettings({}, { functions: given.functions }).plan.intervalMs).toBe(120_000);
  });

  test('an option that does not fit the host is refused by its name', () => {
    const refusalOf = (given: SettingsInput) => () => functionSettings({}, given);
    expect(refusalOf({ dispatch: { graceMs: '5s' } })).toThrow(/^Option 'dispatch.graceMs' is 5000 ms, but /);
    expect(refusalOf({ dispatch: { timeBudgetMs: '10m' } })).toThrow(
      /^Option 'dispatch.timeBudgetMs' is 600000 ms, but it must be at most 557000 ms /,
    );
  });

  test('functionTimeout comes from host.json in the app’s folder; five minutes when it is absent', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-host-json-'));
    try {
      const env = { AzureWebJobsScriptRoot: folder, MULTI_OUTBOX_TIME_BUDGET: '1h' };
      expect(refusal(env)).toContain('functionTimeout 300000 ms');
      writeFileSync(path.join(folder, 'host.json'), '{"version":"2.0","functionTimeout":"00:20:00"}');
      expect(refusal(env)).toContain('functionTimeout 1200000 ms');
      writeFileSync(path.join(folder, 'host.json'), '{"version":"2.0"} // comment');
      expect(refusal(env)).toMatch(/host\.json is not valid JSON .* AzureFunctionsJobHost__functionTimeout/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('D5: the time budget leaves room for a handler timeout and the grace within functionTimeout', () => {
    expect(functionSettings({ [timeout]: '00:01:00' }).dispatch.timeBudgetMs).toBe(17_000);
    expect(functionSettings({ [timeout]: '1.00:00:00' }).dispatch.timeBudgetMs).toBe(60_000);
    expect(functionSettings({ [timeout]: '-1' }).dispatch.timeBudgetMs).toBe(60_000);
    expect(functionSettings({ [timeout]: '-1', MULTI_OUTBOX_TIME_BUDGET: '23h' }).dispatch.timeBudgetMs).toBe(
      82_800_000,
    );
    expect(functionSettings({ MULTI_OUTBOX_TIME_BUDGET: '557s' }).dispatch.timeBudgetMs).toBe(557_000);
  });

  test('a time budget that does not fit is refused with the sum', () => {
    expect(refusal({ MULTI_OUTBOX_TIME_BUDGET: '558s' })).toBe(
      'MULTI_OUTBOX_TIME_BUDGET is 558000 ms, but it must be at most 557000 ms (functionTimeout 600000 ms - MULTI_OUTBOX_HANDLER_TIMEOUT 30000 ms - MULTI_OUTBOX_GRACE 3000 ms - 10000 ms). Lower it, or raise functionTimeout in host.json.',
    );
    expect(refusal({ MULTI_OUTBOX_HANDLER_TIMEOUT: '10m' })).toMatch(
      /^The host's limit leaves no time for dispatch runs /,
    );
    expect(refusal({ [timeout]: '30' })).toMatch(
      /^functionTimeout is "30", which is not a valid time; set it to a value like '00:10:00'/,
    );
  });

  test('a grace that does not fit into the five seconds of a termination is refused', () => {
    expect(refusal({ MULTI_OUTBOX_GRACE: '5s' })).toMatch(
      /^MULTI_OUTBOX_GRACE is 5000 ms, but .* at most 3500 ms\.$/,
    );
  });

  test('invalid values are refused here as everywhere', () => {
    expect(refusal({ MULTI_OUTBOX_BATCH_SIZE: '0' })).toMatch(/^MULTI_OUTBOX_BATCH_SIZE is "0": it must be /);
  });

  test.each<[string, number | null]>([
    ['*/5 * * * * *', 5_000],
    ['0/10 * * * * *', 10_000],
    ['* * * * * *', 1_000],
    ['30 * * * * *', 60_000],
    ['0 */2 * * * *', 120_000],
    ['*/5 * * * *', 300_000],
    ['0 0 * * * *', null],
    ['0 */5 9-17 * * *', null],
    ['0 30 9 * * 1', null],
  ])('F3: a plan that runs at %s is held against the right interval', (schedule, intervalMs) => {
    expect(intervalOf(schedule)).toBe(intervalMs);
    expect(functionSettings({ MULTI_OUTBOX_SCHEDULE: schedule }).plan.intervalMs).toBe(
      intervalMs ?? 86_400_000,
    );
  });
});
