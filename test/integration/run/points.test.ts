import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { PointMessage } from '../../../src/telemetry/points.ts';
import { deferred } from '../../support/deferred.ts';
import { fakeTimers } from '../../support/fake-timers.ts';
import { messages, orders, run } from '../../support/queue-run.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { until } from '../../support/until.ts';

const place = new SqlitePlace();

describe("a run's points on the diagnostics channel", () => {
  const pass = fakeTimers();
  const seen: PointMessage[] = [];
  const note = (message: unknown) => seen.push(message as PointMessage);
  beforeEach(() => subscribe('multi-outbox:point', note));
  afterEach(() => {
    unsubscribe('multi-outbox:point', note);
    seen.length = 0;
  });
  const names = () => seen.map(({ point }) => point);

  test('each batch: claimed, handlers started, settled', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(2));
    await run(queue, [orders(() => {})], { dispatch: { batchSize: 1 } });
    const batch = ['run:claimed', 'handler:start', 'settle:before', 'settle:after'];
    expect(names()).toEqual([...batch, ...batch]);
    expect(new Set(seen.map(({ tenantId }) => tenantId))).toEqual(new Set(['acme']));
  });

  test("T1: the commit of a handler's transaction", async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(1));
    await run(queue, [orders((_, { transaction }) => transaction(() => {}))]);
    expect(names()).toEqual([
      'run:claimed',
      'handler:start',
      'commit:before',
      'commit:after',
      'settle:before',
      'settle:after',
    ]);
    expect(new Set(seen.map(({ tenantId }) => tenantId))).toEqual(new Set(['acme']));
  });

  test('L4: a call that only renews the lease', async () => {
    const queue = await place.outbox();
    await queue.enqueue(messages(1));
    const gate = deferred();
    const running = run(queue, [orders(() => gate.promise)], { dispatch: { leaseMs: 2_400, batchSize: 1 } });
    await until('the handler runs', () => names().includes('handler:start'));
    await pass(801);
    await until('it is renewed', () => names().includes('renew:after'));
    gate.resolve();
    await running;
    expect(names()).toEqual([
      'run:claimed',
      'handler:start',
      'renew:before',
      'renew:after',
      'settle:before',
      'settle:after',
    ]);
  });
});
