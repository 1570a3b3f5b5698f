/** What the console keeps of the registry for a moment, so that a hundred open pages cost no more than one. */
import type { FleetSummary } from '../engine/fleet-summary.ts';
import type { MultiOutbox } from '../multi-outbox-interface.ts';
import { type LeaseHosts, readLeaseHosts } from './fleet/lease-hosts.ts';
import { readTenantRows } from './tenants/read-rows.ts';
import { type TenantRow, tenantRow } from './tenants/tenant-row.ts';

export interface Snapshot<Value> {
  readonly value: Value;
  /** The time of which it is true, by the registry's clock. */
  readonly asOf: Date;
}

export interface Snapshots {
  readonly fleet: SharedRead<FleetSummary>;
  readonly tenants: SharedRead<readonly TenantRow[]>;
  /** Of the registry's leases. */
  readonly leases: SharedRead<LeaseHosts>;
  /** The registry's now. It reads the registry at most once a minute. */
  now(): Promise<Date>;
  /**
   * After an act on these tenants, so that everybody sees what it has changed. Of a fleet of any size, no other row is read
   * again for it.
   */
  changed(rows: readonly TenantRow[]): void;
  /** As `changed`, of a tenant that is read for it. It does not fail: the act is done. */
  changedTenant(tenantId: string): Promise<void>;
  /** After an act on tenants that are not known yet. What was read is shown once more while it is read again. */
  expire(): void;
  /** After an act on many tenants. They are read again before anything of them is shown. */
  forget(): void;
}

export function createSnapshots(multiOutbox: MultiOutbox): Snapshots {
  let clock = { aheadMs: 0, readAt: Number.NEGATIVE_INFINITY };
  const present = () => new Date(Date.now() + clock.aheadMs);
  const fleet = new SharedRead(
    async () => {
      const value = await multiOutbox.status();
      const asOf = registryNow(value);
      clock = {
        aheadMs: asOf === null ? clock.aheadMs : asOf.getTime() - Date.now(),
        readAt: performance.now(),
      };
      return { value, asOf: asOf ?? present() };
    },
    { leastMs: 1_000 },
  );
  const now = async () => {
    if (performance.now() - clock.readAt > clockMs) await fleet.get();
    return present();
  };
  const tenants = new SharedRead<readonly TenantRow[]>(
    async () => {
      const asOf = await now();
      return { asOf, value: await readTenantRows(multiOutbox) };
    },
    { leastMs: 3_000 },
  );
  const leases = new SharedRead<LeaseHosts>(
    async () => {
      const asOf = await now();
      return { asOf, value: await readLeaseHosts(multiOutbox.leases()) };
    },
    { leastMs: 5_000 },
  );
  const changed = (rows: readonly TenantRow[]) => {
    fleet.forget();
    const byId = new Map(rows.map((row) => [row.id, row]));
    tenants.correct((read) => read.map((row) => byId.get(row.id) ?? row));
  };
  const expire = () => {
    fleet.forget();
    tenants.expire();
  };
  return {
    fleet,
    tenants,
    leases,
    now,
    changed,
    async changedTenant(tenantId) {
      try {
        changed([tenantRow(await multiOutbox.tenants.get(tenantId))]);
      } catch {
        expire();
      }
    },
    expire,
    forget() {
      fleet.forget();
      tenants.forget();
    },
  };
}

/** How long the difference between this host's clock and the registry's is used. */
const clockMs = 60_000;

/**
 * The registry's now at the read, to the millisecond; so a time that is calculated from an age does not change from read to
 * read. Null without a plan; then this host's clock must do.
 */
function registryNow({ lastPlan }: FleetSummary): Date | null {
  return lastPlan === null || lastPlan.ageMs === 0 ? null : new Date(lastPlan.utc.getTime() + lastPlan.ageMs);
}

/** A long read is repeated seldom: it takes no more than this share of the time. */
const shareOfTime = 1 / 20;
/** What is much older than it should be is not shown while it is read again. */
const tooOld = 10;
/** What nobody asks for is not kept in memory. */
const keptMs = 300_000;

/**
 * A read that callers share. What was read stays in use for a time that grows with the read's duration; then callers get it
 * once more while it is read again.
 */
export class SharedRead<Value> {
  readonly #read: () => Promise<Snapshot<Value>>;
  readonly #leastMs: number;
  #last: {
    readonly snapshot: Snapshot<Value>;
    readonly endedAt: number;
    readonly freshMs: number;
    readonly isExpired: boolean;
  } | null = null;
  #reading: Promise<Snapshot<Value>> | null = null;
  #dropped: NodeJS.Timeout | undefined;
  /** Corrections since the present read began: it may have read what they correct too early. */
  #corrections: ((value: Value) => Value)[] = [];

  constructor(read: () => Promise<Snapshot<Value>>, { leastMs }: { readonly leastMs: number }) {
    this.#read = read;
    this.#leastMs = leastMs;
  }

  async get(): Promise<Snapshot<Value>> {
    clearTimeout(this.#dropped);
    this.#dropped = setTimeout(() => this.forget(), keptMs).unref();
    const last = this.#last;
    const age = last === null ? 0 : performance.now() - last.endedAt;
    if (last === null || age > last.freshMs * tooOld) return this.#refresh();
    // If it fails, a later caller gets the error, once this snapshot is too old.
    if (age > last.freshMs || last.isExpired) this.#refresh().catch(() => {});
    return last.snapshot;
  }

  /** The next `get` reads again, because an act has changed what was read. */
  forget(): void {
    this.#last = null;
    this.#reading = null;
  }

  /** The next `get` returns what was read, once more, and reads again. */
  expire(): void {
    if (this.#last !== null) this.#last = { ...this.#last, isExpired: true };
    // A read that began before the act does not show it.
    this.#reading = null;
  }

  /** Changes what was read, and what is being read, as an act has changed it. */
  correct(correction: (value: Value) => Value): void {
    if (this.#reading !== null) this.#corrections.push(correction);
    if (this.#last === null) return;
    const { snapshot, ...times } = this.#last;
    this.#last = { ...times, snapshot: { ...snapshot, value: correction(snapshot.value) } };
  }

  #refresh(): Promise<Snapshot<Value>> {
    if (this.#reading !== null) return this.#reading;
    const startedAt = performance.now();
    this.#corrections = [];
    const reading: Promise<Snapshot<Value>> = this.#read().then((read) => {
      // Those of a later read are not this one's.
      const corrections = this.#reading === reading ? this.#corrections : [];
      const value = corrections.reduce((corrected, correct) => correct(corrected), read.value);
      const snapshot = { ...read, value };
      const endedAt = performance.now();
      const freshMs = Math.max(this.#leastMs, (endedAt - startedAt) / shareOfTime);
      // A read that began before an act does not show it.
      if (this.#reading === reading) this.#last = { snapshot, endedAt, freshMs, isExpired: false };
      return snapshot;
    });
    this.#reading = reading;
    const end = () => {
      if (this.#reading === reading) this.#reading = null;
    };
    reading.then(end, end);
    return reading;
  }
}
