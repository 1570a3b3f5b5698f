/** What a run has settled in a tenant's queues, to compare with its report (D7). */
import type { LeaseRef } from '../../../src/engine/lease-store.ts';
import type { Outcome } from '../../../src/engine/message.ts';
import type { TenantReport } from '../../../src/engine/tenant-report.ts';
import { Violation } from '../violation.ts';

const counted = ['done', 'retried', 'dead', 'released', 'parked', 'recovered'] as const;

export class Tally {
  /** The faults of the process and the tenant when it began. */
  readonly troubles: number;
  readonly counts: Record<(typeof counted)[number], number> = {
    done: 0,
    retried: 0,
    dead: 0,
    released: 0,
    parked: 0,
    recovered: 0,
  };

  constructor(troubles: number) {
    this.troubles = troubles;
  }

  count(outcome: Outcome): void {
    if (outcome.kind === 'retry') this.counts.retried++;
    else if (outcome.kind === 'release') this.counts[outcome.parked === true ? 'parked' : 'released']++;
    else this.counts[outcome.kind]++;
  }

  recovered(count: number): void {
    this.counts.recovered += count;
  }
}

/** A lease's owner ends with so many characters of the run's id, with which its report begins. */
const runLength = 8;

/** The run that has a lease. */
export function runOf({ owner }: Pick<LeaseRef, 'owner'>): string {
  return owner.slice(-runLength);
}

/** The run whose report has this id. */
export function reportedRun(reportId: string): string {
  return reportId.slice(0, runLength);
}

/** The tallies of one tenant, by run. */
export class Tallies {
  readonly #tallies = new Map<string, Tally>();
  /** The ids of the reports that were compared: one that is sent again, after a lost answer, says the same. */
  readonly #reported = new Set<string>();

  /** @param troubles the faults of the process and the tenant so far */
  of(lease: Pick<LeaseRef, 'owner'>, troubles: number): Tally {
    const run = runOf(lease);
    let tally = this.#tallies.get(run);
    if (tally === undefined) {
      tally = new Tally(troubles);
      this.#tallies.set(run, tally);
    }
    return tally;
  }

  /**
   * A report must not say more than was settled; without any fault it says exactly that. A lost answer hides what the
   * call has settled.
   */
  reported({ tenantId, reportId, counts: reported }: TenantReport, troubles: number): void {
    if (reportId === undefined || this.#reported.has(reportId)) return;
    this.#reported.add(reportId);
    const run = reportedRun(reportId);
    const tally = this.#tallies.get(run) ?? new Tally(troubles);
    this.#tallies.delete(run);
    for (const name of counted) {
      const [said, counts] = [reported[name], tally.counts];
      if (said > counts[name] || (tally.troubles === troubles && said !== counts[name])) {
        throw new Violation(
          'D7 report',
          `${tenantId}: ${said} ${name} reported, but there were ${counts[name]}`,
        );
      }
    }
  }
}
