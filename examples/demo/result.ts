/** The demo's result: a row for each customer, and the problems that the demo found. */
import { join, relative } from 'node:path';
import type { MultiOutbox } from 'multi-outbox';
import { type Customer, customers, expectedMails } from './customers.ts';
import type { Baseline } from './fleet.ts';
import { countMails, type DemoFolder } from './folder.ts';
import type { HostedRuns } from './hosts.ts';

export interface CustomerResult {
  readonly customer: string;
  readonly story: string;
  readonly dispatched: number;
  readonly retried: number;
  readonly dead: number;
  /** Runs that were skipped because the other host held the lease. */
  readonly skipped: number;
  readonly failedRuns: number;
  /** Relative to the working folder; null where no mail could be written. */
  readonly mails: string | null;
  readonly files: number;
  readonly error: string | null;
}

export async function collectResults(
  multiOutbox: MultiOutbox,
  folder: DemoFolder,
  baseline: Baseline,
  runs: HostedRuns,
): Promise<CustomerResult[]> {
  return Promise.all(
    customers.map(async ({ id, story }) => {
      const { totals, lastError, lastErrorCode } = (await multiOutbox.tenants.get(id)).schedule;
      const before = baseline.get(id)!;
      const mails = join(folder.mail, id);
      const files = await countMails(mails);
      const failedRuns = runs.failed.get(id) ?? 0;
      return {
        customer: id,
        story,
        dispatched: totals.done - before.done,
        retried: totals.retried - before.retried,
        dead: totals.dead - before.dead,
        skipped: runs.skipped.get(id) ?? 0,
        failedRuns,
        mails: files > 0 ? relative(process.cwd(), mails) : null,
        files,
        error: failedRuns > 0 ? `${lastErrorCode}: ${lastError}` : null,
      };
    }),
  );
}

/** One sentence for each problem; empty when the demo has succeeded. */
export function findProblems(results: readonly CustomerResult[]): string[] {
  const problems: string[] = [];
  for (const result of results) {
    const customer = customers.find(({ id }) => id === result.customer)!;
    problems.push(...customerProblems(result, customer));
  }
  if (results.every(({ skipped }) => skipped === 0))
    problems.push('no run was skipped because of the other host’s lease');
  return problems;
}

function customerProblems(
  { customer, dispatched, dead, files, failedRuns }: CustomerResult,
  expected: Customer,
): string[] {
  const problems: string[] = [];
  if (files !== dispatched)
    problems.push(`${customer} has ${files} files for ${dispatched} dispatched mails`);
  if (dispatched !== expectedMails(expected)) {
    problems.push(`${customer} has ${dispatched} of ${expectedMails(expected)} mails dispatched`);
  }
  if (dead !== (expected.dead ?? 0))
    problems.push(`${customer} has ${dead} Dead messages, not ${expected.dead ?? 0}`);
  if (failedRuns > 0 !== (expected.ruined ?? false)) {
    problems.push(
      expected.ruined
        ? `no run noticed that the database of ${customer} is ruined`
        : `runs of ${customer} failed`,
    );
  }
  return problems;
}
