/** The messages that were claimed and not settled at each kill of a test, which may be duplicated. */
import type { RunReport, TickReport } from '../../src/index.ts';
import type { Fleet } from './fleet.ts';
import type { Program } from './program.ts';
import { fast, inFlightOfRun } from './settings.ts';

export class Casualties {
  kills = 0;
  /** Claimed rows of killed processes, as the databases had them right after each kill. */
  certain = 0;
  /** Further messages that may have been in flight, but that cannot be counted exactly; normally 0. */
  possible = 0;
  readonly #fleet: Fleet;
  /** The highest fence seen of each tenant's queue lease, and the fence whose claims have been counted. */
  readonly #fences = new Map<string, number>();
  readonly #counted = new Map<string, number>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Counts the messages that a process had in flight when it was killed, `killedAt` by `performance.now()`. */
  async count(program: Program, killedAt: number): Promise<void> {
    this.kills++;
    await this.#fleet.stage.gone?.(program.pid);
    for (const tenantId of this.#fleet.tenantIds) await this.#countTenant(tenantId, program.pid, killedAt);
    this.interruptions(program);
  }

  /**
   * Counts the messages of runs that lost their lease because the whole machine stood still for longer than the lease.
   * These messages may run again; the runs' reports give their number.
   */
  interruptions(program: Program): void {
    // `run` prints the reports of its runs, `tick` has them in its own.
    const reports = program
      .output<Partial<RunReport> & Partial<TickReport>>()
      .flatMap(({ runs = [], queues = [] }) => [{ queues }, ...runs]);
    for (const { queues } of reports) {
      for (const { stop, counts } of queues) {
        this.possible += counts.lost;
        // Unstarted messages do not count as lost, but the claim has counted as an attempt.
        if (stop === 'lease-lost') this.possible += counts.retried + counts.released + inFlightOfRun;
      }
    }
  }

  /** L2: called whenever a lease is read; checks that its fence never falls. */
  seeFence(tenantId: string, fence: number): void {
    expect(fence).toBeGreaterThanOrEqual(this.#fences.get(tenantId) ?? 0);
    this.#fences.set(tenantId, fence);
  }

  async #countTenant(tenantId: string, pid: number, killedAt: number): Promise<void> {
    const { lease, statistics } = await this.#fleet.queue(tenantId);
    const { lease: after } = await this.#fleet.queue(tenantId);
    const tookMs = performance.now() - killedAt;
    if (lease === undefined) return;
    this.seeFence(tenantId, lease.fence);
    this.seeFence(tenantId, after!.fence);
    const isVictims = lease.owner?.includes(`:${pid}:`) === true;
    if (isVictims && lease.fence === after!.fence) {
      // Claims of an earlier victim that are not yet recovered must be counted only once.
      if (lease.fence > (this.#counted.get(tenantId) ?? 0)) this.certain += statistics.claimed;
      this.#counted.set(tenantId, lease.fence);
    } else if (tookMs > fast.leaseMs / 2) {
      // Another host may have taken the lease over before this was read.
      this.possible += inFlightOfRun;
    }
  }
}
