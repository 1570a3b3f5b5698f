import fc from 'fast-check';
import { PoolPolicy } from '../../../src/engine/sqlserver/pool-policy.ts';

const limits = { maxOpen: 3, maxConnectionsPerServer: 4, poolSize: 2, idleCloseMs: 100 };
/** Always closes the pool that was opened last. */
const newest = () => 0.99;
const policyOf = (given: Partial<typeof limits> = {}) => new PoolPolicy({ ...limits, ...given }, newest);
const admitted = { admit: true, close: null };
const waits = { admit: false, close: null };

/** Opens a pool with one connection, unless it is open, and releases it; returns what was closed for it. */
function visit(policy: PoolPolicy, key: string, now: number, server = key): string[] {
  const closed: string[] = [];
  const { admit, close } = policy.use(key, server, now);
  expect(admit).toBe(true);
  if (close !== null) closed.push(close);
  closed.push(...login(policy, key, server));
  policy.release(key, now);
  return closed;
}

/** Logs in, and closes pools with one connection each as the policy asks. */
function login(policy: PoolPolicy, key: string, server: string): string[] {
  const closed: string[] = [];
  for (;;) {
    const { admit, close } = policy.connect(key, server);
    if (admit) return closed;
    if (close === null) throw new Error('it waits');
    closed.push(close);
    policy.disconnect(close, server);
  }
}

describe('pool policy', () => {
  test('F8: within the caps no pool is closed', () => {
    const policy = policyOf();
    for (const key of ['a', 'b', 'c', 'a']) expect(visit(policy, key, 0)).toEqual([]);
    expect(policy.size).toBe(3);
  });

  test('F8: past the cap on pools an idle one is closed', () => {
    const policy = policyOf();
    for (const key of ['a', 'b', 'c']) visit(policy, key, 0);
    policy.use('c', 'c', 0);
    expect(policy.use('d', 'd', 0)).toEqual({ admit: true, close: 'b' });
  });

  test('F8: a pool in use is never closed; a caller without room waits', () => {
    const policy = policyOf();
    for (const key of ['a', 'b', 'c']) policy.use(key, key, 0);
    expect(policy.use('d', 'd', 0)).toEqual(waits);
    expect(policy.use('a', 'a', 0)).toEqual(admitted);
    policy.release('a', 0);
    expect(policy.use('d', 'd', 0)).toEqual(waits);
    policy.release('a', 0);
    expect(policy.use('d', 'd', 0)).toEqual({ admit: true, close: 'a' });
  });

  test('F8: the connections to a server are counted, not its pools', () => {
    const policy = policyOf({ maxOpen: 10 });
    for (const key of ['a', 'b', 'c', 'd']) expect(visit(policy, key, 0, 's')).toEqual([]);
    expect(policy.connections('s')).toBe(4);
    expect(visit(policy, 'e', 0, 'other')).toEqual([]);
    expect(visit(policy, 'f', 0, 's')).toEqual(['d']);
    expect(policy.connections('s')).toBe(4);
    // A second connection of a pool takes the place of another pool's.
    policy.use('a', 's', 0);
    expect(login(policy, 'a', 's')).toEqual(['f']);
  });

  test('F8: a pool whose connections have all ended is not closed for room', () => {
    const policy = policyOf({ maxOpen: 10 });
    for (const key of ['a', 'b', 'c', 'd']) visit(policy, key, 0, 's');
    policy.disconnect('d', 's');
    expect(visit(policy, 'e', 0, 's')).toEqual([]);
    policy.disconnect('e', 's');
    policy.use('a', 's', 0);
    expect(login(policy, 'a', 's')).toEqual([]);
    expect(login(policy, 'a', 's')).toEqual(['c']);
  });

  test('F8: the connections of a closed pool count until they have ended', () => {
    const policy = policyOf({ maxConnectionsPerServer: 2 });
    policy.use('a', 's', 0);
    login(policy, 'a', 's');
    login(policy, 'a', 's');
    policy.forget('a');
    policy.use('b', 's', 0);
    expect(policy.connect('b', 's')).toEqual(waits);
    policy.disconnect('a', 's');
    expect(policy.connect('b', 's')).toEqual(admitted);
  });

  test('F8: a pool waits for use while those in use could take all connections; one in use does not', () => {
    const policy = policyOf({ maxOpen: 10 });
    visit(policy, 'c', 0, 's');
    policy.use('a', 's', 0);
    policy.use('b', 's', 0);
    expect(policy.use('c', 's', 0)).toEqual(waits);
    expect(policy.use('d', 's', 0)).toEqual(waits);
    expect(policy.use('e', 'other', 0)).toEqual(admitted);
    expect(policy.use('a', 's', 0)).toEqual(admitted);
    policy.release('b', 0);
    expect(policy.use('c', 's', 0)).toEqual(admitted);
  });

  test('F8: the idle are closed when their time is up, and not before', () => {
    const policy = policyOf();
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

  test('F8: the time of last use is when a pool was released', () => {
    const policy = policyOf();
    policy.use('a', 'a', 0);
    policy.release('a', 50);
    expect(policy.nextIdleAt()).toBe(150);
    visit(policy, 'a', 70);
    expect(policy.idle(160)).toEqual([]);
  });

  test('a forgotten pool frees its place; releasing it later has no effect', () => {
    const policy = policyOf();
    policy.use('a', 'a', 0);
    policy.forget('a');
    policy.release('a', 0);
    expect(policy.size).toBe(0);
    expect(policy.nextIdleAt()).toBeNull();
  });

  test('F8: in every sequence the caps hold, no pool in use is closed, and a pool in use gets its connections', () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 7 }),
      // Logins are frequent, so that pools in use want all their connections.
      what: fc.constantFrom('use', 'use', 'login', 'login', 'login', 'release', 'end', 'idle'),
      wait: fc.integer({ min: 0, max: 60 }),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200, size: 'max' }),
        fc.double({ min: 0, max: 0.99 }),
        (steps, random) => {
          const policy = new PoolPolicy({ ...limits, maxOpen: 5 }, () => random);
          const uses = new Map<string, number>();
          const connections = new Map<string, number>();
          let now = 0;
          const serverOf = (key: string) => `s${Number(key.slice(1)) % 2}`;
          const closed = (keys: string[]) => {
            for (const key of keys) {
              expect(uses.get(key)).toBe(0);
              uses.delete(key);
              for (let left = connections.get(key) ?? 0; left > 0; left--)
                policy.disconnect(key, serverOf(key));
              connections.delete(key);
            }
          };
          for (const { key: number, what, wait } of steps) {
            now += wait;
            const key = `k${number}`;
            const open = connections.get(key) ?? 0;
            if (what === 'idle') closed(policy.idle(now));
            else if (what === 'use') {
              const { admit, close } = policy.use(key, serverOf(key), now);
              if (close !== null) closed([close]);
              if (admit) uses.set(key, (uses.get(key) ?? 0) + 1);
              else expect(uses.get(key) ?? 0).toBe(0);
            } else if (what === 'end') {
              if (open === 0) continue;
              policy.disconnect(key, serverOf(key));
              connections.set(key, open - 1);
            } else if ((uses.get(key) ?? 0) === 0) continue;
            else if (what === 'release') {
              policy.release(key, now);
              uses.set(key, uses.get(key)! - 1);
            } else if (open < limits.poolSize) {
              for (let isIn = false; !isIn; ) {
                const { admit, close } = policy.connect(key, serverOf(key));
                // A pool in use never waits for a connection: if it is not admitted, the policy names a pool to close.
                if (!admit) closed([close!]);
                isIn = admit;
              }
              connections.set(key, open + 1);
            }
            expect(policy.size).toBe(uses.size);
            expect(uses.size).toBeLessThanOrEqual(5);
            for (const server of ['s0', 's1']) {
              const there = [...connections].filter(([each]) => serverOf(each) === server);
              const sum = there.reduce((all, [, count]) => all + count, 0);
              expect(policy.connections(server)).toBe(sum);
              expect(sum).toBeLessThanOrEqual(limits.maxConnectionsPerServer);
            }
          }
        },
      ),
    );
  });
});
