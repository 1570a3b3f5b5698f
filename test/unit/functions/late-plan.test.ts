import { InvocationContext } from '@azure/functions';
import type { App } from '../../../functions/app.ts';
import { latePlan } from '../../../functions/late-plan.ts';
import { toDispatch } from '../../../functions/queues.ts';
import { defineHandler, loadSettings } from '../../../src/index.ts';
import { assembleMultiOutbox } from '../../../src/multi-outbox.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';

const place = new SqlitePlace();
const start = Date.now();

beforeAll(() => {
  // @azure/functions warns that no host is present.
  jest.spyOn(console, 'warn').mockImplementation(() => {});
});
beforeEach(() => {
  jest.useFakeTimers({
    now: start,
    doNotFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'nextTick'],
  });
});
afterEach(() => {
  jest.useRealTimers();
});
afterAll(() => jest.restoreAllMocks());

/** A fleet of one due tenant, and a function app that plans every five seconds. Only the test moves the clocks. */
async function fleet() {
  const handlers = [defineHandler({ topic: 'order', handle() {} })];
  const startedAt = performance.now();
  const registry = { aheadMs: 0 };
  const settings = loadSettings({ registry: place.registryUrl, plan: { intervalMs: '5s' } }, {});
  const multiOutbox = assembleMultiOutbox({ handlers }, settings, {
    engine: place.engine({ clock: () => start + performance.now() - startedAt + registry.aheadMs }),
    random: Math.random,
  });
  await multiOutbox.migrate({ tenants: [] });
  await multiOutbox.tenants.add({ id: 'acme' });
  const app: App = {
    settings,
    multiOutbox,
    sources: { byName: new Map() },
  };
  const ending = new AbortController();
  const late = latePlan(() => app, ending.signal);
  return {
    multiOutbox,
    late,
    ending,
    /** Its clock, which is not that of this host. */
    registry,
    /** The tenants for which a function sends requests at this time, in milliseconds from the start. */
    async requestedAt(ms: number): Promise<readonly string[]> {
      jest.advanceTimersByTime(startedAt + ms - performance.now());
      const context = new InvocationContext({ functionName: 'wake', logHandler: () => {} });
      await late.makeIfLate(context);
      const requests = (context.extraOutputs.get(toDispatch) ?? []) as { tenantId: string }[];
      return requests.map(({ tenantId }) => tenantId);
    },
    async [Symbol.asyncDispose]() {
      await multiOutbox.close();
    },
  };
}

describe('a function finds that the last plan is late (F3)', () => {
  test('F3: it makes the plan after three intervals without one, and not again until the next is late', async () => {
    await using app = await fleet();
    expect(await app.requestedAt(15_000)).toEqual([]);
    expect(await app.requestedAt(15_001)).toEqual(['acme']);
    await app.multiOutbox.tenants.add({ id: 'birch' });
    expect(await app.requestedAt(30_001)).toEqual([]);
    expect(await app.requestedAt(30_002)).toContain('birch');
  });

  test('F3: a plan that a request shows counts from when it was made', async () => {
    await using app = await fleet();
    jest.advanceTimersByTime(3_600_000);
    app.late.noted(new Date(start + 3_599_000).toISOString());
    expect(await app.requestedAt(3_614_000)).toEqual([]);
    app.late.noted(new Date(start).toISOString());
    expect(await app.requestedAt(3_614_001)).toEqual(['acme']);
  });

  test('F3, Q16: a request from a host whose clock is ahead puts the next plan off once, and not until then', async () => {
    await using app = await fleet();
    jest.advanceTimersByTime(5_000);
    app.late.noted(new Date(start + 3_600_000).toISOString());
    expect(await app.requestedAt(20_000)).toEqual([]);
    expect(await app.requestedAt(20_001)).toEqual(['acme']);
  });

  test('F3, Q16: a clock that is set back puts no plan off', async () => {
    await using app = await fleet();
    jest.setSystemTime(start + 5_000);
    app.late.noted(new Date(start).toISOString());
    jest.setSystemTime(start - 3_600_000);
    expect(await app.requestedAt(15_000)).toEqual([]);
    expect(await app.requestedAt(15_001)).toEqual(['acme']);
  });

  test('F3: a plan that the registry knows counts', async () => {
    await using app = await fleet();
    jest.advanceTimersByTime(60_000);
    await app.multiOutbox.plan();
    await app.multiOutbox.tenants.add({ id: 'birch' });
    expect(await app.requestedAt(75_000)).toEqual([]);
    expect(await app.requestedAt(75_001)).toContain('birch');
  });

  test('F3, Q16: a registry whose clock is set back puts the next plan off once', async () => {
    await using app = await fleet();
    jest.advanceTimersByTime(60_000);
    await app.multiOutbox.plan();
    await app.multiOutbox.tenants.add({ id: 'birch' });
    app.registry.aheadMs = -3_600_000;
    expect(await app.requestedAt(75_001)).toEqual([]);
    expect(await app.requestedAt(90_002)).toContain('birch');
  });

  test('F3: calls at the same time make one plan', async () => {
    await using app = await fleet();
    const calls = await Promise.all([1, 2, 3].map(() => app.requestedAt(60_000)));
    expect(calls.flat()).toEqual(['acme']);
  });

  test('an instance that is about to end makes none', async () => {
    await using app = await fleet();
    app.ending.abort();
    expect(await app.requestedAt(60_000)).toEqual([]);
  });

  test('a registry that fails does not fail the function', async () => {
    await using app = await fleet();
    await app.multiOutbox.close();
    expect(await app.requestedAt(60_000)).toEqual([]);
  });
});
