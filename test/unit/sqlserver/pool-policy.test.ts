import fc from 'fast-check';
import { PoolPolicy } from '../../../src/engine/sqlserver/pool-policy.ts';

const limits = { maxOpen: 3, maxPerServer: 2, idleCloseMs: 100 };

/** Opens a pool and releases it at once. */
function visit(policy: PoolPolicy, key: string, now: number, server = key) {
  const admission = policy.use(key, server, now);
  if (admission.admit) policy.release(key, now);
  return admission;
}

describe('pool policy', () => {
  test('F8: within the caps no pool is closed', () => {
    const policy = new PoolPolicy(limits);
    for (const key of ['a', 'b', 'c', 'a']) expect(visit(policy, key, 0)).toEqual({ admit: true, close: [] });
    expect(policy.size).toBe(3);
  });

  test('F8: the least recently used goes first', () => {
    const policy = new PoolPolicy(limits);
    for (const key of ['a', 'b', 'c', 'a']) visit(policy, key, 0);
    expect(visit(policy, 'd', 0)).toEqual({ admit: true, close: ['b'] });
    expect(visit(policy, 'e', 0)).toEqual({ admit: true, close: ['c'] });
    expect(visit(policy, 'a', 0)).toEqual({ admit: true, close: [] });
  });

  test('F8: the time of last use is when a pool was released', () => {
    const policy = new PoolPolicy(limits);
    policy.use('a', 'a', 0);
    visit(policy, 'b', 0);
    visit(policy, 'c', 0);
    policy.release('a', 0);
    expect(visit(policy, 'd', 0)).toEqual({ admit: true, close: ['b'] });
  });

  test('F8: a pool in use is never closed; a caller without room waits', () => {
    const policy = new PoolPolicy(limits);
    for (const key of ['a', 'b', 'c']) policy.use(key, key, 0);
    expect(policy.use('d', 'd', 0)).toEqual({ admit: false });
    expect(policy.use('a', 'a', 0)).toEqual({ admit: true, close: [] });
    policy.release('a', 0);
    expect(policy.use('d', 'd', 0)).toEqual({ admit: false });
    policy.release('a', 0);
    expect(policy.use('d', 'd', 0)).toEqual({ admit: true, close: ['a'] });
  });

  test('F8: a server has a cap of its own', () => {
    const policy = new PoolPolicy(limits);
    visit(policy, 'a', 0, 's');
    visit(policy, 'b', 0, 's');
    expect(visit(policy, 'c', 0, 's')).toEqual({ admit: true, close: ['a'] });
    expect(visit(policy, 'd', 0, 't')).toEqual({ admit: true, close: [] });
    policy.use('b', 's', 0);
    policy.use('c', 's', 0);
    expect(policy.use('e', 's', 0)).toEqual({ admit: false });
  });

  test('F8: the idle are closed when their time is up, and not before', () => {
    const policy = new PoolPolicy(limits);
    visit(policy, 'a', 0);
    visit(policy, 'b', 50);
    policy.use('c', 'c', 0);
    expect(policy.nextIdleAt()).toBe(100);
    expect(policy.idle(99)).toEqual([]);
    expect(policy.idle(100)).toEqual(['a']);
    expect(policy.nextIdleAt()).toBe(150);
    expect(policy.idle(1_000)).toEqual(['b']);
    expect(policy.nextIdleAt()).toBeNull();
    policy.release('c', 1_000);
    expect(policy.idle(1_100)).toEqual(['c']);
    expect(policy.size).toBe(0);
  });

  test('a forgotten pool frees its place; releasing it later has no effect', () => {
    const policy = new PoolPolicy(limits);
    policy.use('a', 'a', 0);
    policy.forget('a');
    policy.release('a', 0);
    expect(policy.size).toBe(0);
    expect(policy.nextIdleAt()).toBeNull();
  });

  test('F8: in every sequence the caps hold and no pool in use is closed', () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 9 }),
      what: fc.constantFrom('use', 'release', 'idle'),
      wait: fc.integer({ min: 0, max: 60 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const policy = new PoolPolicy(limits);
        const uses = new Map<string, number>();
        let now = 0;
        const closed = (keys: string[]) => {
          for (const key of keys) {
            expect(uses.get(key)).toBe(0);
            uses.delete(key);
          }
        };
        for (const { key: number, what, wait } of steps) {
          now += wait;
          const key = `k${number}`;
          if (what === 'idle') closed(policy.idle(now));
          else if (what === 'use') {
            const admission = policy.use(key, `s${number % 2}`, now);
            if (!admission.admit) continue;
            closed(admission.close);
            uses.set(key, (uses.get(key) ?? 0) + 1);
          } else if ((uses.get(key) ?? 0) > 0) {
            policy.release(key, now);
            uses.set(key, uses.get(key)! - 1);
          }
          expect(policy.size).toBe(uses.size);
          expect(uses.size).toBeLessThanOrEqual(limits.maxOpen);
          for (const server of [0, 1]) {
            const there = [...uses.keys()].filter((each) => Number(each.slice(1)) % 2 === server);
            expect(there.length).toBeLessThanOrEqual(limits.maxPerServer);
          }
        }
      }),
    );
  });
});
