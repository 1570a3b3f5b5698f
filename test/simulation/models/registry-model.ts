/** What must hold for the registry after each call: plans, reports and wakes (F3 to F7). */

import { type PlanRange, rangeOf } from '../../../src/engine/plan-range.ts';
import type {
  BeginPlan,
  BeginPlanResult,
  ChooseWoken,
  CommitPlan,
  Woken,
} from '../../../src/engine/registry.ts';
import type { Reported, TenantReport } from '../../../src/engine/tenant-report.ts';
import type { QueueName } from '../../../src/engine/work-queue.ts';
import type { Settings } from '../../../src/settings.ts';
import type { Databases } from '../machine/databases.ts';
import { Violation } from '../violation.ts';
import type { Counted } from './queue-model.ts';

export interface RegistryModelOptions {
  readonly databases: Databases;
  readonly file: string;
  readonly settings: Settings;
  /** Whether the tenant has no message that is to come, had none at the end of the report's run, and nothing has gone wrong with it. */
  readonly isIdle: (report: TenantReport) => boolean;
}

interface TenantRow {
  readonly Id: string;
  readonly NextDueUtc: number | null;
  readonly LastPlannedUtc: number | null;
  readonly WakePending: number;
  readonly InFlight: number;
  readonly LastOutcome: string | null;
  readonly Status: string;
}

/** A plan lease's last acquisition: which tenants of its range were due, and whether its plan may still commit. */
interface Plan {
  readonly acquisitionId: string;
  readonly fence: number;
  readonly due: ReadonlySet<string>;
  isOpen: boolean;
}

export class RegistryModel {
  readonly #options: RegistryModelOptions;
  /** By range of tenants; 0 for a plan of all. */
  readonly #plans = new Map<number, Plan>();
  /** By tenant: in how many committed plans in a row it was due and not chosen, and the greatest number of tenants due. */
  readonly #waiting = new Map<string, { plans: number; due: number }>();
  /** Tenants that were woken since they were last chosen. */
  readonly #woken = new Set<string>();

  /** Of all hosts. */
  #leastLookWithinMs: number;

  constructor(options: RegistryModelOptions) {
    this.#options = options;
    this.#leastLookWithinMs = options.settings.schedule.lookWithinMs;
  }

  /** A host has these settings now. */
  deployed({ schedule }: Settings): void {
    this.#leastLookWithinMs = Math.min(this.#leastLookWithinMs, schedule.lookWithinMs);
  }

  /** The registry is as it was at a backup. */
  restored(): void {
    this.#plans.clear();
    this.#waiting.clear();
    this.#woken.clear();
  }

  /** Due times are not what they were. */
  clockStepped(): void {
    this.#waiting.clear();
  }

  /**
   * Milliseconds until the tenant is due by the registry: positive infinity if it never is, undefined for a tenant that is not
   * dispatched at all.
   */
  dueInMs(tenantId: string): number | undefined {
    const row = this.#rows().find(({ Id }) => Id === tenantId);
    if (row === undefined || row.Status === 'retired') return undefined;
    return row.NextDueUtc === null ? Number.POSITIVE_INFINITY : row.NextDueUtc - this.#now();
  }

  planBegun(request: BeginPlan, result: BeginPlanResult): void {
    if (result.status === 'leased-elsewhere') return;
    const { range } = request;
    const latest = this.#now() + (request.lookWithinMs ?? Number.POSITIVE_INFINITY);
    for (const row of this.#rows(range)) {
      if (row.Status === 'active' && (row.NextDueUtc ?? 0) > latest) {
        this.#broken(
          'F6 bound',
          `tenant ${row.Id} is due in ${row.NextDueUtc! - this.#now()} ms after a plan`,
        );
      }
    }
    if (result.status === 'idle') {
      const due = this.#due(range);
      if (due.length > 0) this.#broken('F3 plan', `a plan found no due tenant, but ${due[0]!.Id} is due`);
      return;
    }
    const { lease, due } = result;
    const before = this.#plans.get(range?.range ?? 0);
    if (before !== undefined && lease.fence <= before.fence)
      this.#broken('L2 fence', `plan fence ${lease.fence} after ${before.fence}`);
    // A plan that failed has used up its turn, and perhaps a fair slot.
    if (before?.isOpen) this.#waiting.clear();
    const isDue = new Set(this.#due(range).map(({ Id }) => Id));
    const { acquisitionId, fence } = lease;
    this.#plans.set(range?.range ?? 0, { acquisitionId, fence, due: isDue, isOpen: true });
    this.#same('F3 plan', due, isDue.size, 'tenants are due');
  }

  /** A tenant that is not active is not due, and one that is resumed is due from then on. */
  stopped(tenantId: string): void {
    this.#waiting.delete(tenantId);
  }

  /** Whether another plan has taken the lease since. */
  isOvertaken({ lease, range }: CommitPlan): boolean {
    const last = this.#plans.get(range?.range ?? 0);
    return last !== undefined && last.acquisitionId !== lease.acquisitionId;
  }

  planCommitted(plan: CommitPlan, won: readonly string[]): void {
    const { range } = plan;
    const last = this.#plans.get(range?.range ?? 0);
    const isLast = last?.acquisitionId === plan.lease.acquisitionId && last.isOpen;
    if (!isLast && won.length > 0) this.#broken('F3 plan', 'a plan that had lost its lease chose tenants');
    if (!isLast) return;
    last.isOpen = false;
    if (won.length === 0) return;
    const chosen = new Set(won);
    const early = won.find((id) => !last.due.has(id));
    if (early !== undefined) this.#broken('F6 idle', `a plan chose tenant ${early}, which was not due`);
    const now = this.#now();
    for (const row of this.#rows()) {
      if (chosen.has(row.Id)) this.#chosen(row, plan.redispatchMs, now);
    }
    // The bound of a strategy is that of one planner: several share the capacity by what is left of it.
    if (range !== undefined) return;
    const left = this.#due();
    for (const [id] of this.#waiting) if (!left.some((row) => row.Id === id)) this.#waiting.delete(id);
    for (const { Id } of left) this.#passedOver(Id, left.length + won.length);
  }

  /** The counts of a tenant's queues; null for a queue that was not counted. */
  counts(tenantId: string): Record<QueueName, Counted | null> {
    const { databases, file } = this.#options;
    const sql = 'SELECT OutboxState AS outbox, InboxState AS inbox FROM Tenants WHERE Id = ?';
    const [row] = databases.rows<Record<QueueName, string | null>>(file, sql, tenantId);
    const counted = (state: string | null | undefined) => state && (JSON.parse(state) as Counted);
    return { outbox: counted(row?.outbox) || null, inbox: counted(row?.inbox) || null };
  }

  /** The tenant's row, if it has counted this report before; otherwise undefined. */
  counted({ tenantId, reportId }: TenantReport): string | undefined {
    if (reportId === undefined) return undefined;
    const sql = 'SELECT * FROM Tenants WHERE Id = ? AND instr(LastReports, ?) > 0';
    const [row] = this.#options.databases.rows<object>(this.#options.file, sql, tenantId, reportId);
    return row && JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  }

  /** @param before what `counted` returned before the call */
  reportedAgain(report: TenantReport, before: string): void {
    if (this.counted(report) !== before)
      this.#broken('D7 report', `a report of tenant ${report.tenantId} was sent again, and counted again`);
  }

  reported(report: TenantReport, { woken, chosen, moved }: Reported): void {
    if (moved) return;
    const row = this.#rows().find(({ Id }) => Id === report.tenantId);
    if (row === undefined || row.Status === 'retired') return;
    const { lookWithinMs } = this.#options.settings.schedule;
    const { nextDueInMs } = report.schedule;
    // With 'at-most' null changes nothing.
    const isUnbound = nextDueInMs === null && report.schedule.mode === 'set';
    if (isUnbound || (nextDueInMs ?? 0) > lookWithinMs) {
      this.#broken('F6 bound', `tenant ${row.Id} is due in ${nextDueInMs} ms, more than ${lookWithinMs}`);
    }
    if (chosen && report.continues === undefined)
      this.#broken('F7 wake', `the report of tenant ${row.Id} chose it unasked`);
    if (chosen) {
      this.#chosen(row, report.continues!.redispatchMs, this.#now());
      return;
    }
    if (report.outcome === 'skipped') {
      // It counts as a wake.
      this.#woken.add(row.Id);
      if (row.InFlight === 0 && !this.#isDue(row)) {
        this.#broken(
          'F7 wake',
          `the run that kept another from tenant ${row.Id} reported, and it is not due`,
        );
      }
      return;
    }
    // A run has served it, though perhaps at a late request and not at a plan's choice.
    this.#waiting.delete(row.Id);
    const isWoken = this.#woken.has(row.Id);
    if (isWoken && !woken) this.#broken('F7 wake', `the report of tenant ${row.Id} does not tell of a wake`);
    if (isWoken && row.Status === 'active' && !this.#isDue(row)) {
      this.#broken('F7 wake', `the report of tenant ${row.Id} cancelled a wake`);
    }
    this.#checkIdle(report);
  }

  /** The tenant is new, or active again: its schedule begins anew. */
  added(tenantId: string): void {
    this.#woken.delete(tenantId);
    this.#waiting.delete(tenantId);
  }

  woken({ tenantIds, chosen, due }: Woken, choose?: ChooseWoken): void {
    const rows = new Map(this.#rows().map((row) => [row.Id, row]));
    const now = this.#now();
    for (const { id } of chosen) {
      this.#chosen(rows.get(id)!, choose!.redispatchMs, now);
    }
    const isChosen = new Set(chosen.map(({ id }) => id));
    for (const id of tenantIds) {
      if (isChosen.has(id)) continue;
      this.#woken.add(id);
      const row = rows.get(id)!;
      if (row.Status !== 'active') continue;
      const isDue = this.#isDue(row);
      if (!isDue && row.InFlight === 0)
        this.#broken('F7 wake', `tenant ${id} was woken, and is neither due nor in flight`);
      const isDeferred = row.LastOutcome === 'failed' || row.LastOutcome === 'resuming';
      if (due.includes(id) !== (isDue && !isDeferred))
        this.#broken('F7 wake', `a wake asks for a plan for tenant ${id}, or does not, against its state`);
    }
    if (chosen.length > (choose?.capacity ?? 0))
      this.#broken('F7 wake', `a wake chose ${chosen.length} tenants`);
  }

  /** A tenant with nothing to do is not looked at again before its idle interval is over (F5, F6). */
  #checkIdle(report: TenantReport): void {
    const { tenantId, outcome, backlog, schedule } = report;
    if (outcome !== 'idle' || backlog) return;
    const { idleFloorMs, idleCeilingMs } = this.#options.settings.schedule;
    const ceiling = Math.min(
      idleCeilingMs === 'never' ? Number.POSITIVE_INFINITY : idleCeilingMs,
      this.#leastLookWithinMs,
    );
    if (schedule.idleStreak < 1)
      this.#broken('F5 schedule', `an idle run of ${tenantId} does not count as idle`);
    const interval = Math.min(ceiling, idleFloorMs * 2 ** schedule.idleStreak);
    if (schedule.mode === 'at-most' || !this.#options.isIdle(report)) return;
    if ((schedule.nextDueInMs ?? 0) < interval) {
      this.#broken(
        'F6 idle',
        `idle tenant ${tenantId} is due in ${schedule.nextDueInMs} ms, before ${interval}`,
      );
    }
  }

  #chosen(row: TenantRow, redispatchMs: number, now: number): void {
    this.#woken.delete(row.Id);
    this.#waiting.delete(row.Id);
    if (row.NextDueUtc !== now + redispatchMs) {
      this.#broken(
        'F3 plan',
        `chosen tenant ${row.Id} is due in ${(row.NextDueUtc ?? 0) - now} ms, not after the redispatch time ${redispatchMs}`,
      );
    }
    if (row.InFlight !== 1) this.#broken('F7 wake', `chosen tenant ${row.Id} is not in flight`);
  }

  /** A tenant stayed due and was not chosen: within the strategy's bound it must be (F4). */
  #passedOver(id: string, due: number): void {
    const waiting = this.#waiting.get(id) ?? { plans: 0, due: 0 };
    waiting.plans++;
    waiting.due = Math.max(waiting.due, due);
    this.#waiting.set(id, waiting);
    const { strategy, fairEvery } = this.#options.settings.plan;
    const most = (strategy === 'round-robin' ? 1 : fairEvery) * waiting.due;
    if (waiting.plans > most)
      this.#broken('F4 strategy', `${id} was due in ${waiting.plans} plans and not chosen`);
  }

  #due(range?: PlanRange): TenantRow[] {
    return this.#rows(range).filter((row) => row.Status === 'active' && this.#isDue(row));
  }

  #isDue({ NextDueUtc }: TenantRow): boolean {
    return NextDueUtc !== null && NextDueUtc <= this.#now();
  }

  #rows(range?: PlanRange): TenantRow[] {
    const sql =
      'SELECT Id, NextDueUtc, LastPlannedUtc, WakePending, InFlight, LastOutcome, Status FROM Tenants ORDER BY Id';
    const rows = this.#options.databases.rows<TenantRow>(this.#options.file, sql);
    return range === undefined ? rows : rows.filter(({ Id }) => rangeOf(Id, range.of) === range.range);
  }

  #now(): number {
    return this.#options.databases.now(this.#options.file);
  }

  #same(invariant: string, actual: number, expected: number, what: string): void {
    if (actual !== expected) this.#broken(invariant, `${actual} ${what}, but there are ${expected}`);
  }

  #broken(invariant: string, what: string): never {
    throw new Violation(invariant, `registry: ${what}`);
  }
}
