import { PendingWakes } from '../../../src/fleet/pending-wakes.ts';
import { deferred, turns } from '../../support/deferred.ts';
import { fakeTimers } from '../../support/fake-timers.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

/** Wakes against a registry that is away as long as the test says. */
function scene(random = 1) {
  const registry = { isAway: false, calls: [] as string[][], answer: async () => {} };
  const logger = recordingLogger();
  const wakes = new PendingWakes({
    async wake(tenantIds) {
      registry.calls.push([...tenantIds]);
      await registry.answer();
      if (registry.isAway) throw new Error('the registry is away');
    },
    logger,
    random: () => random,
  });
  return { wakes, registry, logger };
}

describe('wakes that fail (F7)', () => {
  const pass = fakeTimers();

  test('F7: a failed wake is repeated with a delay that doubles up to 30 s, until it succeeds', async () => {
    const { wakes, registry, logger } = scene();
    registry.isAway = true;
    await wakes.wake('acme');
    expect(wakes.size).toBe(1);
    const delays: number[] = [];
    for (let repeat = 0; repeat < 9; repeat++) {
      const before = registry.calls.length;
      let ms = 0;
      while (registry.calls.length === before) {
        await pass(500);
        ms += 500;
      }
      delays.push(ms);
    }
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    registry.isAway = false;
    await pass(30_000);
    expect(wakes.size).toBe(0);
    const { length } = registry.calls;
    await pass(95_000);
    expect(registry.calls).toHaveLength(length);
    expect(logger.lines.filter(({ level }) => level !== 'debug')).toMatchObject([
      { level: 'warn', fields: { tenantId: 'acme', error: { code: 'INTERNAL' } } },
      { level: 'info', fields: { tenants: 1, tenantIds: ['acme'] } },
    ]);
    // The next failure begins with the shortest delay again.
    registry.isAway = true;
    await wakes.wake('acme');
    await pass(500);
    expect(registry.calls).toHaveLength(length + 2);
  });

  test('F7: the delay has jitter over its upper half', async () => {
    const { wakes, registry } = scene(0);
    registry.isAway = true;
    await wakes.wake('acme');
    await pass(249);
    expect(registry.calls).toHaveLength(1);
    await pass(1);
    expect(registry.calls).toHaveLength(2);
  });

  test('F7: further failures do not postpone the repeat', async () => {
    const { wakes, registry } = scene();
    registry.isAway = true;
    await wakes.wake('a');
    await pass(400);
    await wakes.wake('b');
    await pass(100);
    expect(registry.calls.at(-1)).toEqual(['a', 'b']);
  });

  test('F7: while a call repeats wakes, no second one does', async () => {
    const { wakes, registry } = scene();
    registry.isAway = true;
    await wakes.wake('a');
    const gate = deferred();
    registry.answer = () => gate.promise;
    await pass(500);
    registry.answer = async () => {};
    await wakes.wake('b');
    registry.isAway = false;
    await wakes.wake('c');
    await pass(95_000);
    expect(registry.calls).toEqual([['a'], ['a'], ['b'], ['c']]);
    gate.resolve();
    await turns();
    await pass(500);
    expect(registry.calls.at(-1)).toEqual(['b']);
    expect(wakes.size).toBe(0);
  });

  test('F7: the log has the reason of a repeat that fails, for those who search for it', async () => {
    const { wakes, registry, logger } = scene();
    registry.isAway = true;
    for (const id of ['a', 'b']) await wakes.wake(id);
    await pass(500);
    expect(logger.lines.filter(({ level }) => level === 'debug')).toMatchObject([
      { fields: { tenants: 2, error: { code: 'INTERNAL' } } },
    ]);
  });

  test('F7: a log line names at most 20 tenants, and says how many there are', async () => {
    const { wakes, registry, logger } = scene();
    const ids = Array.from({ length: 21 }, (_, n) => `t${n}`);
    const named = { tenants: 21, tenantIds: ids.slice(0, 20) };
    registry.isAway = true;
    for (const id of ids) await wakes.wake(id);
    registry.isAway = false;
    await pass(500);
    expect(logger.lines.at(-1)).toMatchObject({ level: 'info', fields: named });
    registry.isAway = true;
    for (const id of ids) await wakes.wake(id);
    await wakes.close();
    expect(logger.lines.at(-1)).toMatchObject({ level: 'warn', fields: named });
  });

  test('F7: a wake that succeeds costs one call, and none later', async () => {
    const { wakes, registry } = scene();
    await wakes.wake('acme');
    await pass(95_000);
    expect(registry.calls).toEqual([['acme']]);
  });

  test('F7: one call repeats the wakes of all tenants, each once however often it failed', async () => {
    const { wakes, registry, logger } = scene();
    registry.isAway = true;
    for (const id of ['a', 'b', 'a']) await wakes.wake(id);
    registry.isAway = false;
    await pass(500);
    expect(registry.calls.slice(3)).toEqual([['a', 'b']]);
    expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(2);
  });

  test('F7: another wake that succeeds shows that the registry answers: the failed ones are repeated at once', async () => {
    const { wakes, registry } = scene();
    registry.isAway = true;
    await wakes.wake('a');
    registry.isAway = false;
    await wakes.wake('b');
    await pass(0);
    expect(registry.calls).toEqual([['a'], ['b'], ['a']]);
    expect(wakes.size).toBe(0);
    await pass(95_000);
    expect(registry.calls).toHaveLength(3);
  });

  test('F7: after another wake has succeeded the delay grows from the shortest again', async () => {
    const { wakes, registry } = scene();
    registry.isAway = true;
    await wakes.wake('a');
    // By then 30 seconds pass between two tries.
    await pass(95_000);
    registry.isAway = false;
    await wakes.wake('b');
    registry.isAway = true;
    await pass(0);
    const { length } = registry.calls;
    await pass(999);
    expect(registry.calls).toHaveLength(length);
    await pass(1);
    expect(registry.calls).toHaveLength(length + 1);
  });

  test('F7: a message that is stored while its tenant’s wake is repeated is not forgotten', async () => {
    const { wakes, registry } = scene();
    registry.isAway = true;
    await wakes.wake('a');
    const gate = deferred();
    registry.answer = () => (registry.calls.length === 2 ? gate.promise : Promise.resolve());
    await pass(500);
    expect(registry.calls).toHaveLength(2);
    // This wake fails while the call that repeats the first one is under way; that call then succeeds.
    await wakes.wake('a');
    registry.isAway = false;
    gate.resolve();
    await turns();
    expect(wakes.size).toBe(1);
    await pass(500);
    expect(registry.calls.slice(3)).toEqual([['a']]);
    expect(wakes.size).toBe(0);
  });

  test('F7: a tenant is woken after the commit, and not after a rollback', async () => {
    const { wakes, registry } = scene();
    const [committed, rolledBack] = [deferred<boolean>(), deferred<boolean>()];
    wakes.wakeAfter('a', committed.promise);
    wakes.wakeAfter('b', rolledBack.promise);
    await turns();
    expect(registry.calls).toEqual([]);
    committed.resolve(true);
    rolledBack.resolve(false);
    await turns();
    expect(registry.calls).toEqual([['a']]);
  });

  test('F7: a commit that cannot be noticed is logged once for each tenant, and its tenant is woken each time', async () => {
    const { wakes, registry, logger } = scene();
    const unnoticed = () => Promise.reject(new Error('the login lacks a permission'));
    for (const tenantId of ['a', 'b', 'a']) {
      wakes.wakeAfter(tenantId, unnoticed());
      await turns();
    }
    expect(registry.calls).toEqual([['a'], ['b'], ['a']]);
    const warned = logger.lines.filter(({ level }) => level === 'warn');
    expect(warned).toMatchObject([
      { message: expect.stringContaining('cannot notice the commits'), fields: { tenantId: 'a' } },
      { message: expect.stringContaining('cannot notice the commits'), fields: { tenantId: 'b' } },
    ]);
    expect(JSON.stringify(warned)).toContain('the login lacks a permission');
    await wakes.close();
  });

  test('F7: a tenant whose commits cannot be noticed is woken once more after a minute, and at close', async () => {
    const pending = scene();
    const unnoticed = () => Promise.reject(new Error('the login lacks a permission'));
    pending.wakes.wakeAfter('a', unnoticed());
    await turns();
    await pass(59_000);
    // This transaction may end up to a minute from now.
    pending.wakes.wakeAfter('a', unnoticed());
    await turns();
    expect(pending.registry.calls).toEqual([['a'], ['a']]);
    expect(jest.getTimerCount()).toBe(1);
    await pass(1_000);
    expect(pending.registry.calls).toHaveLength(3);
    await pass(60_000);
    expect(pending.registry.calls).toHaveLength(4);
    await pass(600_000);
    expect(pending.registry.calls).toHaveLength(4);
    pending.wakes.wakeAfter('b', unnoticed());
    await turns();
    await pending.wakes.close();
    expect(pending.registry.calls.slice(4)).toEqual([['b'], ['b']]);
    await pass(600_000);
    expect(pending.registry.calls).toHaveLength(6);
  });
});

describe('commits that cannot be noticed (F7)', () => {
  const pass = fakeTimers();
  const unnoticed = () => Promise.reject(new Error('the login lacks a permission'));

  test('F7: one whose transaction ends after close wakes its tenant, and leaves no timer', async () => {
    const { wakes, registry } = scene();
    const committed = deferred<boolean>();
    wakes.wakeAfter('a', committed.promise);
    const closing = wakes.close();
    await pass(100);
    await closing;
    committed.reject(new Error('the login lacks a permission'));
    await turns();
    expect(registry.calls).toEqual([['a']]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('F7: the warnings of 10,000 tenants are remembered; further tenants are warned of at each commit', async () => {
    const { wakes, logger } = scene();
    for (let n = 0; n < 10_000; n++) wakes.wakeAfter(`t${n}`, unnoticed());
    await turns();
    logger.lines.length = 0;
    for (const tenantId of ['t9999', 'further', 'further']) wakes.wakeAfter(tenantId, unnoticed());
    await turns();
    expect(logger.lines.map(({ level, fields }) => [level, fields.tenantId])).toEqual([
      ['debug', 't9999'],
      ['warn', 'further'],
      ['warn', 'further'],
    ]);
    const closing = wakes.close();
    await pass(5_000);
    await closing;
  });
});

describe('close (F7)', () => {
  const pass = fakeTimers();

  test('F7: without failed wakes it neither calls the registry, nor logs, nor leaves a timer', async () => {
    const { wakes, registry, logger } = scene();
    await wakes.wake('a');
    expect(await wakes.close()).toEqual([]);
    expect(registry.calls).toEqual([['a']]);
    expect(logger.lines).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('F7: a wake that fails after it is logged, and not repeated', async () => {
    const { wakes, registry, logger } = scene();
    await wakes.close();
    registry.isAway = true;
    await wakes.wake('late');
    expect(wakes.size).toBe(0);
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { tenants: 1, tenantIds: ['late'] } }]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('F7: of two wakes of a tenant one may have its answer: the tenant is returned for the other', async () => {
    const { wakes, registry, logger } = scene();
    const gate = deferred();
    registry.answer = () => gate.promise;
    const answered = wakes.wake('a');
    registry.answer = () => new Promise(() => {});
    void wakes.wake('a');
    gate.resolve();
    await answered;
    const closing = wakes.close();
    await pass(5_000);
    expect(await closing).toEqual(['a']);
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { tenants: 1, tenantIds: ['a'] } }]);
  });

  test('F7: the failed wakes are tried once more; the tenants that are left are returned and logged', async () => {
    const { wakes, registry, logger } = scene();
    registry.isAway = true;
    for (const id of ['a', 'b']) await wakes.wake(id);
    expect(await wakes.close()).toEqual(['a', 'b']);
    expect(registry.calls).toEqual([['a'], ['b'], ['a', 'b']]);
    expect(logger.lines.at(-1)).toMatchObject({
      level: 'warn',
      fields: { tenants: 2, tenantIds: ['a', 'b'] },
    });
    await pass(95_000);
    expect(registry.calls).toHaveLength(3);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('F7: none is left when the last try succeeds', async () => {
    const { wakes, registry, logger } = scene();
    registry.isAway = true;
    await wakes.wake('a');
    registry.isAway = false;
    expect(await wakes.close()).toEqual([]);
    expect(registry.calls).toEqual([['a'], ['a']]);
    expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  test('F7: a wake that is under way is waited for', async () => {
    const { wakes, registry } = scene();
    const gate = deferred();
    registry.answer = () => gate.promise;
    const waking = wakes.wake('a');
    let left: string[] | undefined;
    const closing = wakes.close().then((ids) => {
      left = ids;
    });
    await turns();
    expect(left).toBeUndefined();
    gate.resolve();
    await Promise.all([waking, closing]);
    expect(left).toEqual([]);
  });

  test('F7: a commit that is noticed a moment later still wakes its tenant; an open transaction does not hold up the end', async () => {
    const { wakes, registry } = scene();
    const committed = deferred<boolean>();
    wakes.wakeAfter('a', committed.promise);
    wakes.wakeAfter('b', new Promise(() => {}));
    let left: string[] | undefined;
    void wakes.close().then((ids) => {
      left = ids;
    });
    await pass(50);
    expect(left).toBeUndefined();
    committed.resolve(true);
    await turns();
    expect(registry.calls).toEqual([['a']]);
    await pass(49);
    expect(left).toBeUndefined();
    await pass(1);
    expect(left).toEqual([]);
  });

  test('F7: a registry that does not answer holds up the end for some seconds only', async () => {
    const { wakes, registry } = scene();
    registry.isAway = true;
    await wakes.wake('a');
    registry.answer = () => new Promise(() => {});
    let left: string[] | undefined;
    void wakes.close().then((ids) => {
      left = ids;
    });
    await pass(5_000);
    expect(left).toEqual(['a']);
  });

  test('F7: tenants whose wake has no answer at the end are returned and logged', async () => {
    const { wakes, registry, logger } = scene();
    registry.isAway = true;
    for (const id of ['failed', 'repeated']) await wakes.wake(id);
    registry.answer = () => new Promise(() => {});
    await pass(500);
    expect(registry.calls.at(-1)).toEqual(['failed', 'repeated']);
    registry.answer = async () => {};
    await wakes.wake('failed');
    registry.answer = () => new Promise(() => {});
    for (const id of ['first', 'first']) void wakes.wake(id);
    let left: string[] | undefined;
    void wakes.close().then((ids) => {
      left = ids;
    });
    // The registry is not waited for a second time.
    await pass(5_000);
    expect(left).toEqual(['failed', 'repeated', 'first']);
    expect(logger.lines.at(-1)).toMatchObject({ level: 'warn', fields: { tenants: 3, tenantIds: left } });
  });

  test('F7: a wake that hangs does not keep failed ones from their last try', async () => {
    const { wakes, registry } = scene();
    registry.isAway = true;
    await wakes.wake('failed');
    // By then 30 seconds pass between two tries.
    await pass(95_000);
    registry.isAway = false;
    registry.answer = () => new Promise(() => {});
    void wakes.wake('hangs');
    registry.answer = async () => {};
    const closing = wakes.close();
    await pass(5_000);
    expect(await closing).toEqual(['hangs']);
  });

  test('F7: a wake that begins while others are waited for is waited for too', async () => {
    const { wakes, registry } = scene();
    const [first, second] = [deferred(), deferred()];
    registry.answer = () => first.promise;
    void wakes.wake('a');
    const closing = wakes.close();
    await turns();
    registry.answer = () => second.promise;
    void wakes.wake('b');
    first.resolve();
    await turns();
    registry.answer = async () => {};
    registry.isAway = true;
    second.resolve();
    expect(await closing).toEqual(['b']);
    expect(registry.calls).toEqual([['a'], ['b'], ['b']]);
  });
});

describe('wakes of one process (F7)', () => {
  const pass = fakeTimers();

  test('F7: those that come while a call is under way are written together by the next one', async () => {
    const { wakes, registry } = scene();
    const gate = deferred();
    registry.answer = () => gate.promise;
    const woken = ['a', 'b', 'c', 'b', 'a'].map((id) => wakes.wake(id));
    await turns();
    // A message of 'a' may have been committed after the look of the first call.
    expect(registry.calls).toEqual([['a']]);
    gate.resolve();
    await Promise.all(woken);
    expect(registry.calls).toEqual([['a'], ['b', 'c', 'a']]);
    await wakes.wake('d');
    expect(registry.calls).toHaveLength(3);
  });

  test('F7: a call that hangs holds up the next one for a moment only', async () => {
    const { wakes, registry } = scene();
    registry.answer = () => new Promise(() => {});
    void wakes.wake('a');
    registry.answer = async () => {};
    const woken = wakes.wake('b');
    await pass(99);
    expect(registry.calls).toEqual([['a']]);
    await pass(1);
    await woken;
    expect(registry.calls).toEqual([['a'], ['b']]);
  });
});

describe('calls to the registry, one after another (F7)', () => {
  const pass = fakeTimers();

  test('F7: a wake calls the registry at once when the call before it has ended', async () => {
    const { wakes, registry } = scene();
    await wakes.wake('a');
    await turns();
    void wakes.wake('b');
    expect(registry.calls).toEqual([['a'], ['b']]);
    await turns();
  });

  test('F7: whenever a wake comes, its call does not overlap with another that answers', async () => {
    const { wakes, registry } = scene();
    const gate = deferred();
    let underWay = 0;
    let most = 0;
    registry.answer = async () => {
      most = Math.max(most, ++underWay);
      await (registry.calls.length === 1 ? gate.promise : turns(1));
      underWay--;
    };
    const woken = [wakes.wake('a'), wakes.wake('b')];
    await turns();
    gate.resolve();
    // Each of these comes one microtask after the other.
    for (let n = 0; n < 30; n++) {
      woken.push(wakes.wake(`t${n}`));
      await null;
    }
    await Promise.all(woken);
    expect(most).toBe(1);
    expect(new Set(registry.calls.flat()).size).toBe(32);
  });

  test('F7: a call that has hung does not end the wait for the one that followed it', async () => {
    const { wakes, registry } = scene();
    const gates = [deferred(), deferred(), deferred()];
    registry.answer = () => gates[registry.calls.length - 1]!.promise;
    const woken = [wakes.wake('a'), wakes.wake('b')];
    await pass(100);
    expect(registry.calls).toEqual([['a'], ['b']]);
    gates[0]!.resolve();
    await turns();
    woken.push(wakes.wake('c'));
    await turns();
    expect(registry.calls).toEqual([['a'], ['b']]);
    for (const gate of gates) gate.resolve();
    await Promise.all(woken);
    expect(registry.calls).toEqual([['a'], ['b'], ['c']]);
  });
});

test('F7: a wake with a queue of its own is a call of its own, with its options', async () => {
  const calls: unknown[] = [];
  const wakes = new PendingWakes({
    wake: async (tenantIds, options) => void calls.push([[...tenantIds], options]),
    logger: recordingLogger(),
    random: () => 1,
  });
  const [one, other] = [{ onRequest() {} }, { onRequest() {} }];
  await Promise.all([wakes.wake('a', one), wakes.wake('b', other)]);
  expect(calls).toEqual([
    [['a'], one],
    [['b'], other],
  ]);
});

describe('many wakes that fail (F7)', () => {
  const pass = fakeTimers();

  test('F7: at most 10,000 tenants are remembered, and the first one too many is reported', async () => {
    const { wakes, registry, logger } = scene();
    registry.isAway = true;
    const fail = (count: number) => Promise.all(Array.from({ length: count }, (_, n) => wakes.wake(`t${n}`)));
    await fail(10_003);
    const reported = () => logger.lines.filter(({ level, fields }) => level === 'warn' && fields.tenants);
    expect(wakes.size).toBe(10_000);
    expect(reported()).toMatchObject([{ fields: { tenants: 10_000 } }]);
    // Those whose wake is being repeated count as well.
    const gate = deferred();
    registry.answer = () => gate.promise;
    await pass(500);
    registry.answer = async () => {};
    await wakes.wake('one more');
    expect(wakes.size).toBe(10_000);
    registry.isAway = false;
    gate.resolve();
    await turns();
    expect(wakes.size).toBe(0);
    // The next time that there are too many is reported as well.
    registry.isAway = true;
    await fail(10_001);
    expect(reported()).toHaveLength(2);
  });
});
