import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { LeaseRef, LeaseStore } from '../../src/engine/lease-store.ts';
import { SqlitePlace } from '../support/sqlite-place.ts';
import { until } from '../support/until.ts';

const place = new SqlitePlace();
const long = 600_000;
const owners = ['host-1', 'host-2', 'host-3'];
const names = ['queue:outbox', 'nightly report'];

/** A small model of one lease. */
interface Model {
  fence: number;
  owner: string | null;
  /** The lease has expired, and no other owner has taken it since. */
  expired: boolean;
}

const step = fc.record({
  verb: fc.constantFrom(
    'acquire' as const,
    'acquire and expire' as const,
    'renew' as const,
    'release' as const,
  ),
  name: fc.constantFrom(...names),
  owner: fc.constantFrom(...owners),
  /** The index of one of the handles that this owner ever got, the latest first. */
  handle: fc.nat(3),
});

class Interpreter {
  readonly #stores: readonly LeaseStore[];
  readonly #models = new Map<string, Model>(
    names.map((name) => [name, { fence: 0, owner: null, expired: false }]),
  );
  readonly #handles: LeaseRef[] = [];

  constructor(stores: readonly LeaseStore[]) {
    this.#stores = stores;
  }

  async apply({
    verb,
    name,
    owner,
    handle,
  }: typeof step extends fc.Arbitrary<infer S> ? S : never): Promise<void> {
    const store = this.#stores[owners.indexOf(owner)]!;
    const model = this.#models.get(name)!;
    if (verb === 'acquire' || verb === 'acquire and expire') {
      const durationMs = verb === 'acquire' ? long : 1;
      await this.#acquire(store, model, { name, owner, durationMs });
    } else {
      const mine = this.#handles.filter((ref) => ref.name === name && ref.owner === owner).reverse();
      const ref = mine[handle % Math.max(1, mine.length)] ?? {
        name,
        owner,
        fence: 0,
        acquisitionId: randomUUID(),
      };
      await (verb === 'renew' ? this.#renew(store, model, ref) : this.#release(store, model, ref));
    }
    await this.#compare();
  }

  async #acquire(
    store: LeaseStore,
    model: Model,
    request: { name: string; owner: string; durationMs: number },
  ) {
    const free = model.owner === null || model.expired || model.owner === request.owner;
    const result = await store.acquire(request);
    if (!free) {
      expect(result).toMatchObject({ status: 'leased-elsewhere', owner: model.owner });
      expect(result.expiresInMs).toBeGreaterThan(0);
      return;
    }
    const expired = request.durationMs < long;
    Object.assign(model, { fence: model.fence + 1, owner: request.owner, expired });
    expect(result).toMatchObject({ status: 'acquired', fence: model.fence });
    if (result.status !== 'acquired') return;
    const { fence, acquisitionId } = result;
    this.#handles.push({ name: request.name, owner: request.owner, fence, acquisitionId });
    if (!expired) return;
    await until('its time is up', async () =>
      (await store.list()).some((lease) => lease.name === request.name && !lease.held),
    );
  }

  async #renew(store: LeaseStore, model: Model, ref: LeaseRef) {
    const ours = model.owner === ref.owner && model.fence === ref.fence;
    expect((await store.renew(ref, long)).status).toBe(ours ? 'renewed' : 'lost');
    if (ours) model.expired = false;
  }

  async #release(store: LeaseStore, model: Model, ref: LeaseRef) {
    const ours = model.owner === ref.owner && model.fence === ref.fence;
    expect(await store.release(ref)).toBe(ours);
    if (ours) Object.assign(model, { owner: null, expired: false });
  }

  /** Checks that all hosts see the same rows, and that the rows agree with the model. */
  async #compare() {
    for (const store of this.#stores) {
      const rows = new Map((await store.list()).map((lease) => [lease.name, lease]));
      for (const [name, model] of this.#models) {
        const row = rows.get(name);
        expect({
          fence: row?.fence ?? 0,
          owner: row?.owner ?? null,
          held: row?.held ?? false,
        }).toEqual({ fence: model.fence, owner: model.owner, held: model.owner !== null && !model.expired });
      }
    }
  }
}

test('L1, L2, L3: whatever several owners do, the leases match a small model', async () => {
  let cases = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const id = `case-${++cases}`;
      const stores: LeaseStore[] = [];
      for (const _ of owners) stores.push((await place.tenant(id)).leases);
      const interpreter = new Interpreter(stores);
      for (const each of steps) await interpreter.apply(each);
    }),
    { numRuns: 40 },
  );
});

test('L2: of many owners that acquire at once, one wins and the others get the holder', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 8 }), fc.uuid(), async (contenders, id) => {
      const stores = await Promise.all(
        Array.from({ length: contenders }, async () => (await place.tenant(id)).leases),
      );
      const results = await Promise.all(
        stores.map((store, n) => store.acquire({ name: 'x', owner: `host-${n}`, durationMs: long })),
      );
      const winners = results.flatMap((result, n) => (result.status === 'acquired' ? [`host-${n}`] : []));
      expect(winners).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'leased-elsewhere') expect(result.owner).toBe(winners[0]);
        else expect(result.fence).toBe(1);
      }
    }),
    { numRuns: 10 },
  );
});
