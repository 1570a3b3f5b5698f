/** Runs the demo's two hosts: one in this process, the other in its own process. */
import { setTimeout as pause } from 'node:timers/promises';
import type { MultiOutbox, RunReport } from 'multi-outbox';
import { customers, expectedMails, slowCustomer } from './customers.ts';
import { DemoFailed } from './failed.ts';
import type { Baseline } from './fleet.ts';
import { startSecondHost } from './second-host.ts';

/** Facts from the hosts' run reports that the registry's totals do not contain. */
export interface HostedRuns {
  /** Runs by customer. */
  readonly skipped: ReadonlyMap<string, number>;
  readonly failed: ReadonlyMap<string, number>;
  /** Mails dispatched by each host. */
  readonly first: number;
  readonly second: number;
}

const timeLimitMs = 60_000;
const lookEveryMs = 50;

/**
 * Runs both hosts until every message is Done or Dead, then stops both. The second host starts first and leases
 * the slow customer; the first host then asks for that customer too, and its run is skipped.
 * @throws DemoFailed when it takes too long, or a host fails
 */
export async function runHosts(options: {
  multiOutbox: MultiOutbox;
  baseline: Baseline;
  signal: AbortSignal;
  program: string;
  onSecondHostLog: (line: string) => void;
  onProgress: (done: number, of: number) => void;
  onCollision: (report: RunReport) => void;
}): Promise<HostedRuns> {
  const { multiOutbox, baseline, program, onSecondHostLog, onProgress, onCollision } = options;
  const skipped = new Map<string, number>();
  const failed = new Map<string, number>();
  const done = { first: 0, second: 0 };
  const countFor = (host: keyof typeof done) => (report: RunReport) => {
    const { tenantId, outcome, counts, skipped: why } = report;
    done[host] += counts.done;
    if (why === 'leased-elsewhere') skipped.set(tenantId, (skipped.get(tenantId) ?? 0) + 1);
    if (outcome === 'failed') failed.set(tenantId, (failed.get(tenantId) ?? 0) + 1);
  };
  const second = startSecondHost({ program, onLog: onSecondHostLog, onReport: countFor('second') });
  const stopFirst = new AbortController();
  let first: Promise<void> | undefined;
  try {
    const work = async () => {
      const signal = AbortSignal.any([options.signal, AbortSignal.timeout(timeLimitMs)]);
      const collision = await collide(multiOutbox, signal);
      countFor('first')(collision);
      onCollision(collision);
      first = multiOutbox.run({
        signal: stopFirst.signal,
        onRun: ({ report }) => report && countFor('first')(report),
      });
      await untilDone(multiOutbox, baseline, failed, signal, onProgress);
    };
    await Promise.race([work(), second.failed]);
  } finally {
    stopFirst.abort();
    await Promise.all([first, second.stop()]);
  }
  return { skipped, failed, ...done };
}

/** Waits until the second host holds the slow customer's lease, then requests its run, which is skipped. */
async function collide(multiOutbox: MultiOutbox, signal: AbortSignal): Promise<RunReport> {
  for (;;) {
    throwIfOver(signal);
    const leases = await multiOutbox.leases(slowCustomer).list();
    if (leases.some(({ held }) => held)) return multiOutbox.dispatch({ tenantId: slowCustomer });
    await pause(lookEveryMs);
  }
}

/** Waits until the registry reports every message Done or Dead, and every ruined database has failed (F6). */
async function untilDone(
  multiOutbox: MultiOutbox,
  baseline: Baseline,
  failed: ReadonlyMap<string, number>,
  signal: AbortSignal,
  onProgress: (done: number, of: number) => void,
): Promise<void> {
  const mails = customers.reduce((sum, customer) => sum + expectedMails(customer), 0);
  const dead = customers.reduce((sum, customer) => sum + (customer.dead ?? 0), 0);
  const ruined = customers.filter((customer) => customer.ruined);
  const before = [...baseline.values()];
  const doneBefore = before.reduce((sum, counts) => sum + counts.done, 0);
  const deadBefore = before.reduce((sum, counts) => sum + counts.dead, 0);
  for (;;) {
    throwIfOver(signal);
    const { totals } = await multiOutbox.status();
    onProgress(totals.done - doneBefore, mails);
    const settled = totals.done - doneBefore >= mails && totals.dead - deadBefore >= dead;
    if (settled && ruined.every(({ id }) => failed.has(id))) return;
    await pause(lookEveryMs);
  }
}

function throwIfOver(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new DemoFailed(
    signal.reason?.name === 'TimeoutError'
      ? `The demo is not done after ${timeLimitMs / 1_000} seconds; run it again with --verbose to see its hosts' logs.`
      : 'The demo was stopped.',
  );
}
