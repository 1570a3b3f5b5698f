/** What a process has settled in a tenant's queues since its last report, to compare with the report (D7). */
import type { Outcome } from '../../../src/engine/message.ts';
import type { TenantReport } from '../../../src/engine/tenant-report.ts';
import type { SimulatedProcess } from '../machine/process.ts';
import { Violation } from '../violation.ts';

const counted = ['done', 'retried', 'dead', 'released', 'parked', 'recovered'] as const;

export class Tally {
  /** The faults of the process and the tenant when it began. */
  readonly troubles: number;
  /** The runs that it counts. Usually it is one; two requests for a tenant may meet in one process. */
  readonly owners = new Set<string>();
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

/** The tallies of one tenant, by process. */
export class Tallies {
  readonly #tallies = new Map<SimulatedProcess, Tally>();
  /** The ids of the reports that were compared: one that is sent again, after a lost answer, says the same. */
  readonly #reported = new Set<string>();

  /** @param owner of the run's lease; `troubles` are the faults of the process and the tenant so far */
  of(process: SimulatedProcess, owner: string, troubles: number): Tally {
    let tally = this.#tallies.get(process);
    if (tally === undefined) {
      tally = new Tally(troubles);
      this.#tallies.set(process, tally);
    }
    tally.owners.add(owner);
    return tally;
  }

  /**
   * A report must not say more than was settled; without any fault it says exactly that. A lost answer hides what the
   * call has settled.
   */
  reported(
    process: SimulatedProcess,
    { tenantId, reportId, outcome, counts: reported }: TenantReport,
    troubles: number,
  ): void {
    if (reportId !== undefined) {
      if (this.#reported.has(reportId)) return;
      this.#reported.add(reportId);
    }
    const tally = this.#tallies.get(process) ?? new Tally(troubles);
    // The report of a run that failed before it settled anything, which may come late; another run of the process may go on.
    const mayBeOther = outcome === 'failed' || tally.troubles !== troubles;
    if (mayBeOther && counted.every((name) => reported[name] === 0)) return;
    const isOneRun = tally.owners.size <= 1;
    for (const name of counted) {
      const [said, counts] = [reported[name], tally.counts];
      if (said > counts[name] || (isOneRun && tally.troubles === troubles && said !== counts[name])) {
        throw new Violation(
          'D7 report',
          `${tenantId}: ${said} ${name} reported, but there were ${counts[name]}`,
        );
      }
      if (!isOneRun) counts[name] -= said;
    }
    if (isOneRun) this.#tallies.delete(process);
  }
}
