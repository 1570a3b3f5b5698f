/** Fills a place with tenants and messages, and dispatches them, through the library's public interface. */

import { keepLastUsed } from '../src/compiled-code.ts';
import {
  createMultiOutbox,
  defineHandler,
  type Handler,
  type MultiOutbox,
  RetryAfter,
  type SettingsInput,
  type TenantOverrides,
} from '../src/index.ts';
import { assertCount } from './benchmark.ts';
import type { Place } from './place.ts';
import { type Cost, timedMessages } from './timing.ts';

// A host keeps its multi-outbox open; here each measurement opens one of its own.
keepLastUsed();

export const topic = 'bench.noop';

/** A handler that does nothing, so that the benchmark measures everything around it. */
export const noop = defineHandler({ topic, handle() {} });

/** A handler that fails, so that every message is retried. */
export function retrying(delayMs: number): Handler {
  return defineHandler({
    topic,
    handle() {
      throw new RetryAfter(delayMs, 'not now');
    },
  });
}

/** Settings that prepare a place quickly. Measured code uses them only where it says so. */
export const hasty: SettingsInput = { sqlite: { synchronous: 'normal' } };

export function openFleet(
  place: Pick<Place, 'registry'>,
  settings: SettingsInput = {},
  handlers = [noop],
): MultiOutbox {
  return createMultiOutbox({ ...settings, registry: place.registry, handlers });
}

/** Registers tenants and creates their databases, and closes everything. */
export async function makeTenants(
  place: Pick<Place, 'registry' | 'newTenant'>,
  tenantIds: readonly string[],
): Promise<void> {
  await using fleet = openFleet(place, hasty);
  await fleet.migrate({ tenants: [] });
  for (const id of tenantIds) await fleet.tenants.add(await place.newTenant(id));
  const failed = (await fleet.migrate({ tenants: tenantIds })).find(({ error }) => error !== undefined);
  if (failed) throw new Error(`The database of '${failed.tenantId}' was not made: ${failed.error!.message}`);
}

/** New tenants are due at once; plans of all of them move their due times a day ahead. */
export async function planAll(place: Place, tenants: number): Promise<void> {
  await using fleet = openFleet(place, { ...hasty, plan: { capacity: 10_000, redispatchMs: '24h' } });
  let planned = 0;
  for (let more = true; more; ) {
    const report = await fleet.plan();
    planned += report.requests.length;
    more = report.more;
  }
  assertCount('tenants planned at first', planned, tenants);
}

/** `tenant-1`, `tenant-2`, … */
export function tenantNames(count: number, prefix = 'tenant'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index + 1}`);
}

export interface Filling {
  readonly count: number;
  readonly orderingKey?: string;
  /** So many ordering keys take turns. Default: 0. */
  readonly keys?: number;
  /** Characters of each payload, at least 11. */
  readonly size?: number;
}

/** Enqueues messages of the no-op topic, 1,000 at a time. */
export async function fill(fleet: MultiOutbox, tenantId: string, filling: Filling): Promise<void> {
  const { count, orderingKey, keys = 0, size = 40 } = filling;
  const payload = JSON.stringify({ text: 'x'.repeat(size - 11) });
  const message = { topic, payload, ...(orderingKey !== undefined && { orderingKey }) };
  const outbox = fleet.outbox(tenantId);
  for (let stored = 0; stored < count; stored += 1_000) {
    const messages = Array.from({ length: Math.min(count - stored, 1_000) }, (_, index) =>
      keys === 0 ? message : { ...message, orderingKey: `key-${(stored + index) % keys}` },
    );
    await outbox.enqueue(messages, { wake: false });
  }
}

let copies = 0;

/** Copies a tenant's database, registers the copy, passes its fleet to the caller, and removes the copy. */
export async function withCopy<T>(
  place: Place,
  template: string,
  overrides: TenantOverrides,
  action: (fleet: MultiOutbox, tenantId: string) => Promise<T>,
  handlers?: Handler[],
): Promise<T> {
  const id = `copy-${++copies}`;
  const copy = await place.copyTenant(template, id);
  // The two are disposed in reverse order. When the action and the disposing both fail, a SuppressedError has both
  // errors.
  await using _copy = { [Symbol.asyncDispose]: () => place.removeTenant(id) };
  await using fleet = openFleet(place, {}, handlers);
  await fleet.tenants.add({ ...copy, overrides });
  const result = await action(fleet, id);
  // The next copy may reuse this copy's database.
  await fleet.tenants.remove(id);
  return result;
}

/** The result of dispatching a tenant until no message is due. */
export interface Drained {
  readonly done: number;
  /** Calls to the tenant's database. */
  readonly calls: number;
  /** The time until the next message is due; null if there is none. */
  readonly nextDueInMs: number | null;
}

export async function drainTenant(fleet: MultiOutbox, tenantId: string): Promise<Drained> {
  let done = 0;
  let calls = 0;
  for (;;) {
    const report = await fleet.dispatch({ tenantId });
    if (report.error) throw new Error(`The run of '${tenantId}' failed: ${report.error.message}`);
    assertCount(`messages of '${tenantId}' lost`, report.counts.lost, 0);
    done += report.counts.done;
    calls += report.roundTrips;
    if (!report.more) return { done, calls, nextDueInMs: report.nextDueInMs };
  }
}

/** The cost of draining a copy of a tenant that has `cold` and `count` messages and nothing else; see `timedMessages`. */
export function timedDrain(
  place: Place,
  template: string,
  batchSize: number,
  counted: { readonly cold: number; readonly count: number },
  check: (drained: Drained) => void = () => {},
): Promise<Cost> {
  let handled = () => {};
  const counting = defineHandler({ topic, handle: () => handled() });
  return withCopy(
    place,
    template,
    { batchSize },
    (fleet, id) =>
      timedMessages(counted, async (each) => {
        handled = each;
        check(await drainTenant(fleet, id));
      }),
    [counting],
  );
}
