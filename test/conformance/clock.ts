/** Reads the database's clock, waits for it, and shifts the host's clock on purpose (Q2). */
import type { LeaseStore } from '../../src/engine/lease-store.ts';
import { until } from './until.ts';

const probe = 'conformance-clock';

/** The database's time, read from a lease that it stamps. */
export async function databaseNow(leases: LeaseStore): Promise<Date> {
  await leases.acquire({ name: probe, owner: probe, durationMs: 1 });
  const record = (await leases.list()).find((lease) => lease.name === probe);
  if (!record?.acquiredUtc) throw new Error('an acquired lease has no acquiredUtc');
  return record.acquiredUtc;
}

/** Waits until the database's clock is past `moment`, by default past its own present millisecond. */
export async function clockPasses(leases: LeaseStore, moment?: Date): Promise<Date> {
  const before = moment ?? (await databaseNow(leases));
  return until(`the database's clock is past ${before.toISOString()}`, async () => {
    const now = await databaseNow(leases);
    return now.getTime() > before.getTime() ? now : null;
  });
}

/** Runs `work` while this process's clock is `shiftMs` ahead of (or behind) the database's. */
export async function withHostClockShifted<T>(shiftMs: number, work: () => Promise<T>): Promise<T> {
  jest.useFakeTimers({
    now: Date.now() + shiftMs,
    doNotFake: [
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
      'setInterval',
      'clearInterval',
      'setTimeout',
      'clearTimeout',
    ],
  });
  try {
    return await work();
  } finally {
    jest.useRealTimers();
  }
}
