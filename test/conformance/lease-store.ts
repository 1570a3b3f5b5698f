/** L1-L3 and the stored part of L4, for the leases of a tenant database and of the registry alike. */
import type { Engine } from '../../src/engine/engine.ts';
import type { AcquireLease, LeaseRef, LeaseStore } from '../../src/engine/lease-store.ts';
import { databaseNow, withHostClockShifted } from './clock.ts';
import { anHour } from './run.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

interface Place {
  readonly leases: LeaseStore;
  /** The same leases as another host sees them. */
  elsewhere(): LeaseStore;
}

const wanted: AcquireLease = { name: 'job', owner: 'host-1', durationMs: 60_000 };

async function acquired(leases: LeaseStore, change: Partial<AcquireLease> = {}): Promise<LeaseRef> {
  const request = { ...wanted, ...change };
  const result = await leases.acquire(request);
  if (result.status !== 'acquired') throw new Error(`expected the lease, got ${JSON.stringify(result)}`);
  const { fence, acquisitionId } = result;
  return { name: request.name, owner: request.owner, fence, acquisitionId };
}

async function row(leases: LeaseStore, name = wanted.name) {
  const found = (await leases.list()).filter((lease) => lease.name === name);
  expect(found).toHaveLength(1);
  return found[0]!;
}

const runsOut = (leases: LeaseStore, name?: string) =>
  until('the lease has run out', async () => {
    const lease = await row(leases, name);
    return !lease.held && lease;
  });

export function leaseStoreSuite(scene: Scene): void {
  const places: Record<string, () => Promise<Place>> = {
    tenant: async () => {
      const { address, database } = await scene.tenant();
      const elsewhere = () => scene.open(address, scene.anotherHost()).leases;
      return { leases: database.leases, elsewhere };
    },
    registry: async () => {
      const { stage, registry } = await scene.registry();
      const elsewhere = () => (scene.anotherHost(stage) as Engine).openRegistry().leases;
      return { leases: registry.leases, elsewhere };
    },
  };

  describe.each(Object.keys(places))('leases: %s', (place) => {
    const open = () => places[place]!();

    test('L2: a free lease is acquired, for its duration', async () => {
      const { leases } = await open();
      const result = await leases.acquire({ ...wanted, context: 'nightly' });
      expect(result).toEqual({
        status: 'acquired',
        fence: expect.any(Number),
        acquisitionId: expect.any(String),
        expiresInMs: expect.any(Number),
        expiresUtc: expect.any(Date),
      });
      if (result.status !== 'acquired') throw new Error('unreachable');
      expect(result.expiresInMs).toBeGreaterThan(0);
      expect(result.expiresInMs).toBeLessThanOrEqual(wanted.durationMs);
      const lease = await row(leases);
      expect(lease).toEqual({
        name: 'job',
        owner: 'host-1',
        fence: result.fence,
        acquisitionId: result.acquisitionId,
        acquiredUtc: expect.any(Date),
        renewedUtc: expect.any(Date),
        expiresUtc: result.expiresUtc,
        context: 'nightly',
        held: true,
      });
      expect(lease.expiresUtc!.getTime() - lease.acquiredUtc!.getTime()).toBe(wanted.durationMs);
    });

    test('L2: a held lease is refused, saying who holds it and for how long', async () => {
      const { leases, elsewhere } = await open();
      const held = await acquired(leases);
      const refused = await elsewhere().acquire({ ...wanted, owner: 'host-2', durationMs: 10 * anHour });
      expect(refused).toEqual({
        status: 'leased-elsewhere',
        owner: 'host-1',
        expiresInMs: expect.any(Number),
      });
      if (refused.status !== 'leased-elsewhere') throw new Error('unreachable');
      expect(refused.expiresInMs).toBeGreaterThan(0);
      expect(refused.expiresInMs).toBeLessThanOrEqual(wanted.durationMs);
      expect(await row(leases)).toMatchObject({ owner: 'host-1', fence: held.fence });
    });

    test('L2: the fence rises by one at every acquisition and at nothing else', async () => {
      const { leases } = await open();
      const first = await acquired(leases);
      await leases.acquire({ ...wanted, owner: 'host-2' });
      await leases.renew(first, 60_000);
      await leases.renew({ ...first, fence: first.fence + 1 }, 60_000);
      await leases.release(first);
      await leases.release(first);
      await leases.renew(first, 60_000);
      const second = await acquired(leases, { owner: 'host-2' });
      expect(second.fence).toBe(first.fence + 1);
      const third = await acquired(leases, { owner: 'host-2' });
      expect(third.fence).toBe(first.fence + 2);
      await acquired(leases, { name: 'other' });
      expect(await row(leases)).toMatchObject({ fence: third.fence });
    });

    test('L2: the same owner acquiring again makes its earlier handle lost', async () => {
      const { leases } = await open();
      const first = await acquired(leases, { context: 'the first' });
      const second = await acquired(leases);
      expect(second.fence).toBe(first.fence + 1);
      expect(await row(leases)).toMatchObject({ context: null });
      expect(await leases.renew(first, 60_000)).toEqual({ status: 'lost' });
      expect(await leases.release(first)).toBe(false);
      expect(await leases.renew(second, 60_000)).toMatchObject({ status: 'renewed' });
    });

    test('L2: owners are compared exactly', async () => {
      const { leases } = await open();
      await acquired(leases, { owner: 'Host' });
      for (const owner of ['host', 'Host ', 'Höst', ' Host']) {
        expect(await leases.acquire({ ...wanted, owner })).toMatchObject({
          status: 'leased-elsewhere',
          owner: 'Host',
        });
      }
    });

    test('L2: a lease that has run out can be taken by another, and not before', async () => {
      const { leases, elsewhere } = await open();
      const first = await acquired(leases, { durationMs: 150 });
      const { expiresUtc } = await row(leases);
      const other = elsewhere();
      const second = await until('the lease can be taken', async () => {
        const result = await other.acquire({ ...wanted, owner: 'host-2' });
        return result.status === 'acquired' && result;
      });
      expect(second.fence).toBe(first.fence + 1);
      const lease = await row(leases);
      expect(lease).toMatchObject({ owner: 'host-2', held: true });
      expect(lease.acquiredUtc!.getTime()).toBeGreaterThanOrEqual(expiresUtc!.getTime());
      expect(await leases.renew(first, 60_000)).toEqual({ status: 'lost' });
      expect(await leases.release(first)).toBe(false);
      expect(await row(leases)).toMatchObject({ owner: 'host-2', fence: second.fence, held: true });
    });

    test('L3: a renewal sets the end from now, earlier or later, and changes nothing else', async () => {
      const { leases } = await open();
      const lease = await acquired(leases, { context: 'kept' });
      const before = await row(leases);
      for (const durationMs of [10 * anHour, 30_000]) {
        const renewed = await leases.renew(lease, durationMs);
        if (renewed.status !== 'renewed') throw new Error('expected the lease to be renewed');
        expect(renewed.expiresInMs).toBeGreaterThan(0);
        expect(renewed.expiresInMs).toBeLessThanOrEqual(durationMs);
        const after = await row(leases);
        expect(after.expiresUtc).toEqual(renewed.expiresUtc);
        expect(after.expiresUtc!.getTime() - after.renewedUtc!.getTime()).toBe(durationMs);
        expect(after.renewedUtc!.getTime()).toBeGreaterThanOrEqual(before.renewedUtc!.getTime());
        expect(after).toMatchObject({ acquiredUtc: before.acquiredUtc, fence: lease.fence, context: 'kept' });
      }
    });

    test.each([
      ['name', { name: 'another' }],
      ['owner', { owner: 'host-2' }],
      ['owner, in case only', { owner: 'HOST-1' }],
      ['older fence', { fence: 0 }],
      ['newer fence', { fence: 99 }],
    ])('L3: renew and release with another %s are refused and change nothing', async (_, change) => {
      const { leases } = await open();
      const lease = await acquired(leases);
      const before = await leases.list();
      expect(await leases.renew({ ...lease, ...change }, 10 * anHour)).toEqual({ status: 'lost' });
      expect(await leases.release({ ...lease, ...change })).toBe(false);
      expect(await leases.list()).toEqual(before);
    });

    test('L3: an expired lease that no other owner has taken can still be renewed', async () => {
      const { leases } = await open();
      const lease = await acquired(leases, { durationMs: 30 });
      expect(await runsOut(leases)).toMatchObject({ owner: 'host-1', fence: lease.fence, held: false });
      expect(await leases.renew(lease, 60_000)).toMatchObject({ status: 'renewed' });
      expect(await row(leases)).toMatchObject({ owner: 'host-1', fence: lease.fence, held: true });
      expect(await leases.acquire({ ...wanted, owner: 'host-2' })).toMatchObject({
        status: 'leased-elsewhere',
      });
    });

    test('L4: release is idempotent, frees the lease at once and keeps the fence', async () => {
      const { leases, elsewhere } = await open();
      const lease = await acquired(leases, { context: 'mine' });
      expect(await leases.release(lease)).toBe(true);
      expect(await leases.release(lease)).toBe(false);
      expect(await row(leases)).toMatchObject({
        owner: null,
        expiresUtc: null,
        held: false,
        fence: lease.fence,
      });
      expect(await leases.renew(lease, 60_000)).toEqual({ status: 'lost' });
      expect((await acquired(elsewhere(), { owner: 'host-2' })).fence).toBe(lease.fence + 1);
      // The new holder does not inherit the former holder's context.
      expect(await row(leases)).toMatchObject({ owner: 'host-2', context: null });
    });

    test('L2: a fence survives the restart of a released lease’s host', async () => {
      const { leases, elsewhere } = await open();
      const lease = await acquired(leases);
      await leases.release(lease);
      expect((await acquired(elsewhere())).fence).toBe(lease.fence + 1);
    });

    test('L1: one row for each name, listed by name', async () => {
      const { leases } = await open();
      const names = ['b', 'queue:outbox', 'a', 'c'];
      for (const name of [...names, ...names]) await acquired(leases, { name });
      const listed = (await leases.list()).map(({ name }) => name).filter((name) => names.includes(name));
      expect(listed).toEqual([...names].sort());
    });

    test('L1: a page of leases begins behind a name, has at most so many, and only those with an owner if asked', async () => {
      const { leases } = await open();
      // Names that differ in case, in trailing blanks or by a character of two code units are names of their own.
      const names = ['p', 'p ', 'p1', 'p2', 'P', 'pé', 'p\u{1f600}'];
      for (const name of names) await acquired(leases, { name });
      await leases.release(await acquired(leases, { name: 'p1' }));
      const all = await leases.list();
      const named = (rows: readonly { readonly name: string }[]) => rows.map(({ name }) => name);
      expect(named(all)).toEqual(expect.arrayContaining(names));

      for (const owned of [false, true]) {
        const wanted = owned ? all.filter(({ owner }) => owner !== null) : all;
        const read: typeof all = [];
        for (;;) {
          const after = read.at(-1)?.name;
          const page = await leases.list({ limit: 2, owned, ...(after !== undefined && { after }) });
          expect(page.length).toBeLessThanOrEqual(2);
          read.push(...page);
          if (page.length < 2) break;
        }
        expect(read).toEqual(wanted);
      }
      expect(named(await leases.list({ limit: 1 }))).toEqual(named(all.slice(0, 1)));
      expect(named(await leases.list({ after: 'p', limit: 1 }))).toEqual(['p ']);
    });

    test('L1: a lease that runs out keeps its owner in the list until somebody releases or takes it', async () => {
      const { leases } = await open();
      await acquired(leases, { name: 'short', durationMs: 100 });
      await runsOut(leases, 'short');
      expect((await leases.list({ owned: true })).find(({ name }) => name === 'short')).toMatchObject({
        owner: wanted.owner,
        held: false,
      });
    });

    test('L1: one lease is found by its exact name', async () => {
      const { leases } = await open();
      for (const name of ['job', 'Job', 'job ', 'jöb']) await acquired(leases, { name });
      for (const name of ['job', 'Job', 'job ', 'jöb'])
        expect(await leases.list({ name })).toMatchObject([{ name, held: true }]);
      for (const name of ['JOB', 'job  ', 'jo', '']) expect(await leases.list({ name })).toEqual([]);
    });

    test('L1: names, owners and contexts come back as they are, at any length allowed', async () => {
      const { leases } = await open();
      for (const character of ['x', 'é', '😀', '"']) {
        const text = character.repeat(200 / character.length);
        const lease = await acquired(leases, { name: text, owner: text, context: text.repeat(3) });
        expect(await row(leases, text)).toMatchObject({ owner: text, context: text.repeat(3) });
        expect(await leases.renew(lease, 60_000)).toMatchObject({ status: 'renewed' });
      }
    });

    test('Q2: the host’s clock does not decide who holds a lease', async () => {
      const { leases } = await open();
      const lease = await acquired(leases);
      await withHostClockShifted(10 * anHour, async () => {
        expect(await leases.acquire({ ...wanted, owner: 'host-2' })).toMatchObject({
          status: 'leased-elsewhere',
        });
        expect(await row(leases)).toMatchObject({ held: true });
        expect(await leases.renew(lease, 30)).toMatchObject({ status: 'renewed' });
      });
      await withHostClockShifted(-10 * anHour, async () => {
        await runsOut(leases);
        expect((await acquired(leases, { owner: 'host-2' })).fence).toBe(lease.fence + 1);
      });
      const now = await databaseNow(leases);
      expect(Math.abs(now.getTime() - (await row(leases)).acquiredUtc!.getTime())).toBeLessThan(anHour);
    });
  });
}
