import { isMultiOutboxError } from '../../src/errors.ts';
import type { Lease } from '../../src/lease/lease.ts';
import { deferred } from '../support/deferred.ts';
import { fakeTimers } from '../support/fake-timers.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();
const minute = { durationMs: 60_000 };

const passMs = fakeTimers();
/** Advances the heartbeats' clock by seconds: a lease of a minute renews itself after 16 to 20. */
const pass = (seconds: number) => passMs(1_000 * seconds);
const fired = (signal: AbortSignal) => until('its signal fires', () => signal.aborted);
const renewedAfter = (lease: Lease, before: Date) =>
  until('it was renewed', async () => {
    await pass(20);
    return lease.expiresAt > before;
  });

describe.each([
  ['a tenant’s database', 'a'],
  ['the registry', undefined],
])('leases for users, in %s (L5)', (_, tenantId) => {
  /** Two hosts. */
  async function hosts() {
    const one = await place.fleet(['a']);
    return [one.leases(tenantId), place.face().leases(tenantId)] as const;
  }

  test('L5: a lease is acquired, refused to others, released and acquired with a greater fence', async () => {
    const [one, other] = await hosts();
    const lease = await one.acquire('report', { durationMs: '1m', context: 'nightly' });
    expect(lease).toMatchObject({ name: 'report', fence: 1, expiresAt: expect.any(Date) });
    expect(lease!.signal.aborted).toBe(false);
    expect(await other.acquire('report')).toBeNull();
    // The same process does not get the lease either, because each acquisition has its own owner.
    expect(await one.acquire('report')).toBeNull();
    expect(await other.list()).toContainEqual(
      expect.objectContaining({ name: 'report', owner: lease!.owner, context: 'nightly', held: true }),
    );
    expect(await lease!.release()).toBe(true);
    expect(await lease!.release()).toBe(true);
    expect(lease!.signal.aborted).toBe(false);
    await expect(lease!.renew()).rejects.toMatchObject({ code: 'LEASE_LOST' });
    const next = await other.acquire('report');
    expect(next!.fence).toBe(2);
    await next![Symbol.asyncDispose]();
    expect((await one.list()).filter(({ held }) => held)).toEqual([]);
  });

  test('L4: it renews itself, far beyond its duration', async () => {
    const [one, other] = await hosts();
    const lease = (await one.acquire('report', minute))!;
    for (let renewal = 1; renewal <= 10; renewal++) await renewedAfter(lease, lease.expiresAt);
    expect(lease.signal.aborted).toBe(false);
    expect(await other.acquire('report')).toBeNull();
    await lease.release();
  });

  test('L2: the same owner acquiring again takes the lease from itself', async () => {
    const [one, other] = await hosts();
    const first = (await one.acquire('report', { ...minute, owner: 'me' }))!;
    const second = (await other.acquire('report', { owner: 'me' }))!;
    expect(second.fence).toBe(first.fence + 1);
    await pass(20);
    await fired(first.signal);
    expect(first.signal.reason).toMatchObject({ code: 'LEASE_LOST', tenantId });
    await expect(first.renew()).rejects.toBe(first.signal.reason);
    expect(await first.release()).toBe(false);
    expect(await one.acquire('report')).toBeNull();
    await second.release();
  });

  test('L5: an operator frees it: the holder’s signal fires, others can take it at once', async () => {
    const [one, other] = await hosts();
    expect(await other.release('report')).toBeNull();
    const lease = (await one.acquire('report', minute))!;
    expect(await other.release('report')).toMatchObject({
      owner: lease.owner,
      fence: lease.fence,
      held: true,
    });
    expect(await other.release('report')).toBeNull();
    const next = (await other.acquire('report'))!;
    expect(next.fence).toBe(lease.fence + 1);
    await pass(20);
    await fired(lease.signal);
    expect(next.signal.aborted).toBe(false);
    await next.release();
  });

  test('L5: the holder’s own signal fires the lease’s; it stays held until it is released', async () => {
    const [one, other] = await hosts();
    const stop = new AbortController();
    const lease = (await one.acquire('report', { ...minute, signal: stop.signal }))!;
    stop.abort('enough');
    expect([lease.signal.aborted, lease.signal.reason]).toEqual([true, 'enough']);
    await renewedAfter(lease, lease.expiresAt);
    expect(await other.acquire('report')).toBeNull();
    expect(await lease.release()).toBe(true);
    const aborted = { code: 'ABORTED', cause: 'enough' };
    await expect(one.acquire('report', { signal: stop.signal })).rejects.toMatchObject(aborted);
    expect((await other.list()).find(({ name }) => name === 'report')).toMatchObject({ held: false });
  });

  test('L5: withLease does the work under the lease, or says who holds it', async () => {
    const [one, other] = await hosts();
    const inside = deferred();
    const end = deferred();
    const work = one.withLease('report', { owner: 'one' }, async (lease) => {
      inside.resolve();
      await end.promise;
      return lease.fence;
    });
    await inside.promise;
    const refused = await other.withLease('report', {}, () => 'never');
    expect(refused).toEqual({ status: 'leased-elsewhere', owner: 'one', expiresInMs: expect.any(Number) });
    end.resolve();
    expect(await work).toEqual({ status: 'done', result: 1 });
    const failure = new Error('the work failed');
    const failing = other.withLease('report', {}, () => {
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    expect((await one.list()).filter(({ held }) => held)).toEqual([]);
  });

  test('L5: withLease without a function for the work is refused, and takes no lease', async () => {
    const [one] = await hosts();
    await expect(one.withLease('report', {}, undefined as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: "withLease: 'work' must be a function, got undefined.",
    });
    expect((await one.list()).map(({ name }) => name)).not.toContain('report');
  });

  test('L5: work that ends after its lease was lost is not a success', async () => {
    const [one, other] = await hosts();
    const lost = { code: 'LEASE_LOST', tenantId };
    // Here the heartbeat notices the loss while the work goes on.
    const noticed = one.withLease('report', minute, async ({ signal }) => {
      await other.release('report');
      await pass(20);
      await fired(signal);
    });
    await expect(noticed).rejects.toMatchObject(lost);
    // Here only the release notices the loss.
    const unnoticed = one.withLease('report', {}, async () => {
      await other.release('report');
    });
    await expect(unnoticed).rejects.toMatchObject(lost);
  });

  test.each([
    ['plan', {}, /reserved for the system/],
    ['directory', {}, /reserved for the system/],
    ['queue:outbox', {}, /reserved for the system/],
    ['queue:mine', {}, /reserved for the system/],
    ['', {}, /name must be/],
    ['a\tb', {}, /name must be/],
    ['a\u007fb', {}, /name must be/],
    ['a\ud800b', {}, /name must be/],
    [7 as never, {}, /^The lease 7 cannot be taken: its name must be/],
    ['report', { owner: ' ' }, /^The lease 'report' cannot be taken: its owner must be/],
    ['report', { owner: ['host-1'] as never }, /owner must be/],
    ['report', { owner: 'x'.repeat(201) }, /owner must be/],
    ['report', { context: ['text'] as never }, /context must be/],
    ['report', { durationMs: 99 }, /from 100ms to 1d/],
    ['report', { durationMs: '25h' }, /from 100ms to 1d/],
    ['report', { durationMs: 'soon' }, /from 100ms to 1d/],
  ])('L5: %p with %p is refused', async (name, options, message) => {
    const [one] = await hosts();
    const refused = { code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) };
    await expect(one.acquire(name, options)).rejects.toMatchObject(refused);
    await expect(one.withLease(name, options, () => {})).rejects.toMatchObject(refused);
  });

  test('L5: leases are listed in pages, by a name, and only those that are taken', async () => {
    const [one] = await hosts();
    const free = (await one.acquire('a'))!;
    const taken = (await one.acquire('b'))!;
    await free.release();
    const listed = async (query: object) => (await one.list(query)).map(({ name }) => name);
    expect(await listed({ limit: 1 })).toEqual(['a']);
    expect(await listed({ limit: 1, after: 'a' })).toEqual(['b']);
    expect(await listed({ owned: true })).toEqual(['b']);
    expect(await listed({ name: 'a' })).toEqual(['a']);
    await taken.release();
    await expect(one.list({ name: 'a', owned: true })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: "leases.list: 'name' names one lease, so it goes with no other option.",
    });
    for (const wrong of [
      { limit: 0 },
      { limit: 1.5 },
      { limit: 10_001 },
      { after: 7 },
      { name: null },
      { owned: 1 },
    ])
      await expect(one.list(wrong as never)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/^leases.list: '(limit|after|name|owned)' must be/),
      });
  });

  test('L5: a name that no lease can have finds, and releases, none', async () => {
    const [one, other] = await hosts();
    const [long, replaced] = ['x'.repeat(200), 'a\ufffdb'];
    const held = [(await one.acquire(long))!, (await one.acquire(replaced))!];
    for (const name of [`${long}x`, 'a\ud800b']) {
      expect(await other.list({ name })).toEqual([]);
      expect(await other.release(name)).toBeNull();
    }
    expect(await other.list({ name: long })).toMatchObject([{ name: long }]);
    for (const lease of held) expect(await lease.release()).toBe(true);
  });

  test('L5: names and contexts have a maximum length', async () => {
    const [one] = await hosts();
    const refused = (message: RegExp) => ({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
    const [name, context] = ['x'.repeat(200), 'x'.repeat(4_000)];
    await expect(one.acquire(`${name}x`)).rejects.toMatchObject(refused(/name must be/));
    await expect(one.acquire(name, { context: `${context}x` })).rejects.toMatchObject(
      refused(/context must/),
    );
    await (await one.acquire(name, { context, owner: name }))!.release();
  });

  test.each([100, '1d'])('L5: %p is a duration that can be asked for', async (durationMs) => {
    const [one] = await hosts();
    const lease = await one.acquire('report', { durationMs });
    expect(lease!.fence).toBe(1);
    await lease!.release();
  });

  test('L5: with a signal that has already fired, the lease is not requested', async () => {
    const [one] = await hosts();
    const signal = AbortSignal.abort('enough');
    const aborted = { code: 'ABORTED', cause: 'enough' };
    await expect(one.acquire('report', { signal })).rejects.toMatchObject(aborted);
    expect((await one.list()).map(({ name }) => name)).not.toContain('report');
  });

  test('L5: a signal that fires while the lease is being acquired: the lease is released', async () => {
    const [one, other] = await hosts();
    const stop = new AbortController();
    const acquired = one.acquire('report', { signal: stop.signal });
    stop.abort('enough');
    await expect(acquired).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    expect(await other.acquire('report')).toMatchObject({ fence: 2 });
    // A release does not release another owner's lease.
    const again = new AbortController();
    const refused = one.withLease('report', { signal: again.signal }, () => 'never');
    again.abort();
    expect(await refused).toMatchObject({ status: 'leased-elsewhere' });
  });
});

test('L5: a closed multi-outbox holds no leases: their signals fire, and no timer stays', async () => {
  const host = await place.fleet(['a']);
  const lease = (await host.leases('a').acquire('report'))!;
  await host.close();
  expect(lease.signal.reason).toMatchObject({
    code: 'LEASE_LOST',
    message: expect.stringContaining('closed'),
  });
  expect(await lease.release()).toBe(false);
  await expect(host.leases('a').acquire('report')).rejects.toMatchObject({ code: 'CLOSED' });
});

test('L4: while the database is locked renewals are retried; the lease is lost at its expiry', async () => {
  const logger = recordingLogger();
  const host = await place.fleet(['a'], { logger, sqlite: { busyTimeoutMs: 0 } });
  const blocker = place.connection('tenants/a.db');
  const kept = (await host.leases('a').acquire('kept', minute))!;
  blocker.exec('BEGIN IMMEDIATE');
  await pass(20);
  await until('a renewal failed', () => logger.lines.some(({ fields }) => fields.code === 'DATABASE_LOCKED'));
  expect(logger.lines[0]).toMatchObject({ level: 'warn', fields: { tenantId: 'a', lease: 'kept' } });
  blocker.exec('COMMIT');
  await renewedAfter(kept, kept.expiresAt);
  expect(kept.signal.aborted).toBe(false);
  await kept.release();
  const lost = (await host.leases('a').acquire('lost', minute))!;
  blocker.exec('BEGIN IMMEDIATE');
  await pass(59);
  expect(lost.signal.aborted).toBe(false);
  await pass(1);
  await fired(lost.signal);
  expect(lost.signal.reason).toMatchObject({
    code: 'LEASE_LOST',
    message: expect.stringContaining('ran out before it could be renewed'),
  });
  blocker.exec('COMMIT');
});

test('L5: unknown and retired tenants have no leases', async () => {
  const host = await place.fleet(['a']);
  await expect(host.leases('nobody').acquire('x')).rejects.toMatchObject({ code: 'UNKNOWN_TENANT' });
  await host.tenants.remove('a');
  await expect(host.leases('a').acquire('x')).rejects.toMatchObject({ code: 'TENANT_NOT_ACTIVE' });
});

describe('one name in many tenants (L5)', () => {
  test('L5: at most the given number at once; the report has done, refused and failed ones', async () => {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    const host = await place.fleet(ids);
    await host.tenants.pause('f');
    const taken = (await place.face().leases('b').acquire('import', { owner: 'another host' }))!;
    let atOnce = 0;
    let most = 0;
    const report = await host.withLeases('import', { parallel: 2 }, async ({ fence }, tenantId) => {
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce--;
      if (tenantId === 'd') throw new Error('no file today');
      return `${tenantId}:${fence}`;
    });
    expect(report).toEqual([
      { tenantId: 'a', status: 'done', result: 'a:1' },
      { tenantId: 'b', status: 'leased-elsewhere', owner: 'another host', expiresInMs: expect.any(Number) },
      { tenantId: 'c', status: 'done', result: 'c:1' },
      { tenantId: 'd', status: 'failed', error: new Error('no file today') },
      { tenantId: 'e', status: 'done', result: 'e:1' },
    ]);
    expect(most).toBe(2);
    await taken.release();
    for (const id of ids) {
      expect((await host.leases(id).list()).filter(({ held }) => held)).toEqual([]);
    }
  });

  test('L5: only the tenants named; those that do not exist are in the report; a signal stops the rest', async () => {
    const host = await place.fleet(['a', 'b', 'c']);
    const stop = new AbortController();
    const options = { tenants: ['nobody', 'a', 'b'], parallel: 1, signal: stop.signal };
    const report = await host.withLeases('import', options, (_, id) => {
      stop.abort();
      return id;
    });
    expect(
      report.map((one) => [
        one.tenantId,
        one.status === 'failed' && isMultiOutboxError(one.error) ? one.error.code : one.status,
      ]),
    ).toEqual([
      ['nobody', 'UNKNOWN_TENANT'],
      ['a', 'done'],
      ['b', 'ABORTED'],
    ]);
  });
});

test('Q6: an operator who frees a queue’s lease lets the next run take over what the holder had claimed', async () => {
  const started = deferred();
  const { seen, handlers } = noting((_, { signal }) => {
    if (seen.length > 1) return;
    started.resolve();
    return new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  });
  const stuck = await place.fleet(['a'], { handlers, dispatch: { leaseMs: 60_000, graceMs: 0 } });
  await stuck.outbox('a').enqueue({ topic: 'orders', payload: '1' });
  const first = stuck.dispatch({ tenantId: 'a' });
  await started.promise;
  const other = place.face({ handlers });
  expect(await other.dispatch({ tenantId: 'a' })).toMatchObject({ outcome: 'skipped' });
  expect(await other.leases('a').release('queue:outbox')).toMatchObject({ held: true });
  expect(await other.dispatch({ tenantId: 'a' })).toMatchObject({ counts: { done: 1, recovered: 1 } });
  await pass(20);
  expect(await first).toMatchObject({ counts: { done: 0, lost: 1 } });
});
