/** Everything that one history has: time, randomness, faults, databases, the log, and the models that check. */
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Engine } from '../../src/engine/engine.ts';
import { createSqliteEngine } from '../../src/engine/sqlite/index.ts';
import type { Reported, TenantReport } from '../../src/engine/tenant-report.ts';
import { type QueueName, queueNames } from '../../src/engine/work-queue.ts';
import type { TenantInput } from '../../src/fleet/tenants/definition.ts';
import type { Settings } from '../../src/settings.ts';
import { checkLeasesIn, checkRegistryCounts, checkTenant } from './end-checks.ts';
import { type Fault, Faults } from './faults.ts';
import { Journal } from './journal.ts';
import type { Databases } from './machine/databases.ts';
import { type Machine, virtualMachine } from './machine/machine.ts';
import { SimulatedProcess } from './machine/process.ts';
import { type Random, randomFor } from './machine/randomness.ts';
import type { Time } from './machine/time.ts';
import type { LeaseModelOptions } from './models/lease-model.ts';
import { type Counted, QueueModel } from './models/queue-model.ts';
import type { QueueModelOptions } from './models/queue-options.ts';
import { RegistryModel, type RegistryModelOptions } from './models/registry-model.ts';
import { Tallies } from './models/tally.ts';
import { OpenTransactions, TenantModel } from './models/tenant-model.ts';
import { WakesOfApplications } from './models/wakes.ts';
import { crowded, drawSettings } from './settings.ts';
import { Violation } from './violation.ts';

export interface WorldOptions {
  readonly seed: number;
  /** Only the first faults strike. Default: all of them. */
  readonly faultLimit?: number | undefined;
  /** Faults that cannot strike. */
  readonly without?: readonly Fault[] | undefined;
  /** Gets every line of the log. */
  readonly print?: ((line: string) => void) | undefined;
}

/** A transaction of an application, in a tenant's database. */
export interface BusinessTransaction {
  /** What `enqueue` gets. */
  readonly driver: object;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  close(): Promise<void>;
}

/** The most attempts of a topic's messages, where a handler has its own. */
export const ownMaxAttempts: Readonly<Record<string, number>> = { 'report.build': 2 };

/** In a history without faults, a message starts within this time of its wake. Milliseconds. */
const promptMs = 4_000;

/** For how long a report may travel after its run has ended. Milliseconds. */
const latestMs = 100;

export class World {
  readonly seed: number;
  readonly time: Time;
  readonly journal: Journal;
  readonly faults: Faults;
  /** For what the world does without any fault. */
  readonly random: Random;
  readonly databases: Databases;
  readonly settings: Settings;
  /** Whether more tenants are due than a plan may choose. */
  readonly isCrowded: boolean;
  /** How many tenants applications store messages for: in some crowded histories few, whom every strategy prefers (F4). */
  readonly mostBusy: number;
  /** How many times as long as usual handlers take: in some histories so long that a lease may run out meanwhile. */
  readonly handlerPace: number;
  readonly registryFile: string;
  readonly registry: RegistryModel;
  readonly transactions = new OpenTransactions();
  readonly wakes = new WakesOfApplications();
  /** The databases that answer: the registry and the tenants. */
  readonly reachable = new Set<string>();
  /** The acquisitions of leases whose owners never learned of them. */
  readonly unansweredAcquisitions = new Set<string>();
  /** Whether the code under test has set every timer of a process. A database's driver may leave some of its own. */
  readonly ownsAllTimers: boolean = true;
  readonly #tenants = new Map<string, TenantModel>();
  /** By frozen process: thaws it if another one has taken over what it works on. */
  readonly #overtakings = new Map<SimulatedProcess, () => void>();
  readonly #machine: Machine;
  /** The first promise that was broken. */
  violation: Violation | undefined;

  constructor({ seed, faultLimit, print, without }: WorldOptions, machine = virtualMachine(seed)) {
    this.seed = seed;
    this.random = randomFor(seed, 'world');
    this.#machine = machine;
    this.time = machine.time;
    this.databases = machine.databases;
    this.journal = new Journal(() => this.time.now, print);
    this.faults = new Faults({
      seed,
      limit: faultLimit,
      without,
      onFault: (fault, number) => this.journal.note('fault', `${number}: ${fault}`),
    });
    this.registryFile = this.databases.file('registry.db');
    const settings = drawSettings(randomFor(seed, 'settings'), `sqlite:${this.registryFile}`);
    const crowd = randomFor(seed, 'crowd');
    this.isCrowded = crowd.chance(1 / 3);
    const prefers = this.isCrowded && crowd.chance(2 / 3);
    this.mostBusy = prefers ? 2 : Number.POSITIVE_INFINITY;
    this.settings = this.patient(this.isCrowded ? crowded(settings, prefers, crowd) : settings);
    this.handlerPace = !this.faults.isCalm && randomFor(seed, 'pace').chance(1 / 4) ? 3 : 1;
    this.registry = this.registryModel({
      databases: this.databases,
      file: this.registryFile,
      settings: this.settings,
      isIdle: ({ tenantId, reportId = '' }) => {
        const { hasWork, troubles, queues } = this.tenant(tenantId);
        const knowsDue = Object.values(queues).some((queue) => queue.hasLeftDelayed(reportId));
        return !hasWork && troubles === 0 && !knowsDue;
      },
    });
    this.reachable.add('registry');
  }

  get tenants(): readonly TenantModel[] {
    return [...this.#tenants.values()];
  }

  /** The tenants that applications store messages for. */
  get busyTenants(): readonly TenantModel[] {
    return this.tenants.slice(0, this.mostBusy);
  }

  tenant(id: string): TenantModel {
    return this.#tenants.get(id)!;
  }

  /** The model of a tenant whose database exists; the registry need not have it. */
  addTenant(input: TenantInput): TenantModel {
    const file = this.databases.file(`tenants/${input.id}.db`);
    const tallies = new Tallies();
    const queue = (name: QueueName) => this.#queue(input.id, name, tallies);
    const queues = { outbox: queue('outbox'), inbox: queue('inbox') };
    const tenant = this.tenantModel(
      { id: input.id, file, tallies },
      queues,
      this.databases,
      this.#leaseOptions(input.id),
    );
    this.#tenants.set(input.id, tenant);
    this.reachable.add(input.id);
    return tenant;
  }

  /** The tenant's definition, with the place where its database is now. */
  definition(input: TenantInput): TenantInput {
    const { file } = this.tenant(input.id);
    return { ...input, database: path.relative(path.dirname(this.registryFile), file) };
  }

  /** Undefined for the registry. */
  knownTenant(id: string): TenantModel | undefined {
    return this.#tenants.get(id);
  }

  /** A run's report must say what its calls have settled. */
  reported(process: SimulatedProcess, report: TenantReport, { chosen }: Reported): void {
    const { tenantId, outcome, counts, error } = report;
    const { tallies, troubles } = this.tenant(tenantId);
    // A poison queue's reader reports a message, and not a run.
    const isOfRun = outcome !== 'skipped' && error?.code !== 'POISONED';
    if (isOfRun) tallies.reported(report, process.troubles + troubles);
    if (!chosen) this.#checkDue(process, report);
    if (this.faults.isCalm && (outcome === 'failed' || counts.lost > 0)) {
      throw new Violation(
        'D8 no trouble',
        `${tenantId}: a run ${outcome} and lost ${counts.lost} without any fault`,
      );
    }
  }

  /**
   * After a report the registry has of each queue what the report's run has counted, or what it had before, such as a later
   * count of another run (S2).
   */
  checkReportedCounts(
    { tenantId, reportId }: TenantReport,
    before: ReturnType<RegistryModel['counts']>,
  ): void {
    const { queues } = this.tenant(tenantId);
    const now = this.registry.counts(tenantId);
    for (const name of queueNames) {
      const counted = reportId === undefined ? undefined : queues[name].countedBy(reportId);
      const has = (counts: Counted | null) =>
        counts?.ready === now[name]?.ready && counts?.dead === now[name]?.dead;
      if (has(before[name]) || (counted !== undefined && has(counted))) continue;
      throw new Violation(
        'S2 counts',
        `${queues[name].label}: the registry has ${now[name]?.ready} ready and ${now[name]?.dead} dead after a report; its run has counted ${counted?.ready} and ${counted?.dead}`,
      );
    }
  }

  /**
   * A tenant whose run has ended well is due again when the next message that the run has left is due (F5, Q11). The registry
   * tells when that is: it may know better than the report, if another run has reported since. A tenant that it chose runs once more.
   */
  #checkDue(process: SimulatedProcess, { tenantId, reportId, outcome, schedule }: TenantReport): void {
    if (reportId === undefined) return;
    const { outbox, inbox } = this.tenant(tenantId).queues;
    const dueAt = Math.min(outbox.leftDueAt(process, reportId), inbox.leftDueAt(process, reportId));
    if (outcome !== 'dispatched' && outcome !== 'idle') return;
    const registeredMs = this.registry.dueInMs(tenantId);
    if (registeredMs === undefined || schedule.mode === 'at-most') return;
    const lateMs = registeredMs - Math.max(0, dueAt - this.time.now);
    if (lateMs <= latestMs) return;
    throw new Violation(
      'F5 known due',
      `${tenantId} is due ${lateMs} ms later than a message that its run has left`,
    );
  }

  /**
   * A fault has struck a database, and lasts so many milliseconds. It excuses what began before it or meanwhile: a handler that
   * starts while the writes of another process wait may have an outcome that cannot be written.
   */
  trouble(target: string, lastsMs = 0): void {
    const tenant = this.#tenants.get(target);
    if (tenant === undefined) return;
    tenant.troubles++;
    tenant.troubledUntil = Math.max(tenant.troubledUntil, this.time.now + lastsMs);
  }

  /**
   * Milliseconds that a slow call or a frozen process takes: less than a lease, much more than one, or just so much that
   * another run has taken over and is not done yet.
   */
  longMs(): number {
    const { leaseMs, graceMs } = this.settings.dispatch;
    const { random } = this.faults;
    return random.pick([50, 300, 12_000, random.between(leaseMs, leaseMs + graceMs + 1_500)]);
  }

  /** @param queue whose message killed it */
  kill(process: SimulatedProcess, queue?: QueueModel): void {
    if (process.isDead) return;
    process.kill(queue);
    for (const tenant of this.tenants) {
      const held = Object.values(tenant.queues).some((each) => each.isHeldBy(process));
      if (held && this.strikes('clock steps back at a death'))
        this.stepClock(tenant, -this.faults.random.pick([20_000, 3_600_000]));
    }
  }

  /** Somebody sets the clock of the tenant's database. */
  stepClock(tenant: TenantModel, ms: number): void {
    this.databases.stepClock(tenant.file, ms);
    tenant.troubles++;
    this.journal.note('world', `clock of ${tenant.id} steps ${ms} ms`);
  }

  freeze(process: SimulatedProcess): void {
    const ms = this.longMs();
    process.freeze();
    this.journal.note(process.name, `is frozen for ${ms} ms`);
    SimulatedProcess.outside(() => setTimeout(() => process.thaw(), ms));
  }

  /** Freezes the process until another one has taken over what it works on, or has had the time to. */
  freezeUntil(process: SimulatedProcess, isOvertaken: () => boolean): void {
    const { leaseMs, graceMs } = this.settings.dispatch;
    const latestMs = 2 * leaseMs + graceMs + 5_000;
    const look = (isLate = false) => {
      if (this.#overtakings.get(process) !== look || !(isLate || isOvertaken())) return;
      this.#overtakings.delete(process);
      process.thaw();
    };
    process.freeze();
    this.journal.note(process.name, 'is frozen until it is overtaken');
    this.#overtakings.set(process, look);
    SimulatedProcess.outside(() => setTimeout(() => look(true), latestMs));
  }

  /** A database has answered a call: what a frozen process waits for may have happened. */
  answered(): void {
    for (const look of [...this.#overtakings.values()]) look();
  }

  /** The process has no file descriptors left, and gets them back after a while. */
  exhaustDescriptors(process: SimulatedProcess): void {
    const ms = this.faults.random.pick([100, 600, 3_000]);
    process.shortages++;
    this.journal.note(process.name, `can open no file for ${ms} ms`);
    SimulatedProcess.outside(() => setTimeout(() => process.shortages--, ms));
  }

  /** Runs a check of the models. A broken promise ends the history; the code under test must not see it. */
  checked<T>(check: () => T): T | string {
    if (this.violation !== undefined) return '';
    try {
      return check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.violation = error;
      this.journal.note('VIOLATION', error.message);
      return '';
    }
  }

  broken(invariant: string, what: string): void {
    this.checked(() => {
      throw new Violation(invariant, what);
    });
  }

  /** @throws Violation when the engine's count is not the model's */
  same(invariant: string, actual: number, expected: number): string {
    if (actual !== expected) throw new Violation(invariant, `${actual} messages, but ${expected} match`);
    return String(actual);
  }

  strikes(fault: Fault): boolean {
    return this.faults.strikes(fault);
  }

  close(): void {
    this.#machine.close();
  }

  /** The engine of a process. */
  engine(_process: SimulatedProcess): Engine {
    const { busyTimeoutMs } = this.settings.sqlite;
    return createSqliteEngine({ registry: this.registryFile, synchronous: 'normal', busyTimeoutMs });
  }

  /** Begins a transaction of an application's own. @throws when the database is locked */
  async transaction(tenant: TenantModel, _process: SimulatedProcess): Promise<BusinessTransaction> {
    const connection = this.databases.connect(tenant.file);
    try {
      connection.exec('BEGIN IMMEDIATE');
    } catch (error) {
      connection.close();
      throw error;
    }
    return {
      driver: connection,
      commit: async () => connection.exec('COMMIT'),
      rollback: async () => connection.exec('ROLLBACK'),
      close: async () => connection.close(),
    };
  }

  /** The effect of a handler in its own transaction. */
  async takeEffect(driver: unknown, messageId: string, attempt: number): Promise<void> {
    (driver as DatabaseSync)
      .prepare('INSERT INTO SimulatedEffects (MessageId, Attempt) VALUES (?, ?)')
      .run(messageId, attempt);
  }

  /** Whether a statement in the handler's transaction succeeds. */
  async isUsable(driver: unknown): Promise<boolean> {
    try {
      (driver as DatabaseSync).prepare('SELECT 1').get();
      return true;
    } catch {
      return false;
    }
  }

  /** Whether a message can still come to its end. */
  async isBusy(): Promise<boolean> {
    return this.tenants.some((tenant) => tenant.isBusy);
  }

  /** The tables have what the models have. */
  async checkTables(): Promise<void> {
    this.checked(() => {
      for (const tenant of this.tenants) checkTenant(this, tenant);
      return '';
    });
  }

  /** The registry has of the queues what their tables have. */
  async checkRegistry(): Promise<void> {
    const engine = createSqliteEngine({ registry: this.registryFile, synchronous: 'normal' });
    const fleet = await engine.openRegistry().fleet();
    await engine.close();
    this.checked(() => {
      checkRegistryCounts(this, fleet);
      return '';
    });
  }

  /** @param owners the processes that have closed */
  async checkLeases(owners: ReadonlySet<string>): Promise<void> {
    this.checked(() => {
      for (const { file, id } of this.tenants) checkLeasesIn(this, owners, file, id);
      checkLeasesIn(this, owners, this.registryFile, 'registry');
      return '';
    });
  }

  /** The settings for databases that answer at once. */
  protected patient(settings: Settings): Settings {
    return settings;
  }

  protected tenantModel(...parts: ConstructorParameters<typeof TenantModel>): TenantModel {
    return new TenantModel(...parts);
  }

  protected queueModel(options: QueueModelOptions): QueueModel {
    return new QueueModel(options);
  }

  protected registryModel(options: RegistryModelOptions): RegistryModel {
    return new RegistryModel(options);
  }

  #leaseOptions(tenantId: string): LeaseModelOptions {
    const { databases } = this;
    return {
      databaseNow: () => databases.now(this.tenant(tenantId).file),
      clock: () => databases.clock(this.tenant(tenantId).file),
      soon: (check) => {
        SimulatedProcess.outside(() => setTimeout(() => this.checked(() => `${check()}`), 1));
      },
    };
  }

  #queue(tenantId: string, name: QueueName, tallies: Tallies): QueueModel {
    const { dispatch, retry, retention } = this.settings;
    const { databases } = this;
    const sql = 'SELECT Fence, AcquisitionId FROM Leases WHERE Name = ?';
    return this.queueModel({
      name,
      tenantId,
      onDead: dispatch.onDead,
      batchSize: dispatch.batchSize,
      maxAttempts: (topic) => ownMaxAttempts[topic] ?? retry.maxAttempts,
      now: () => this.time.now,
      ...this.#leaseOptions(tenantId),
      leaseRow: () => {
        type Row = { readonly Fence: number; readonly AcquisitionId: string };
        const [row] = databases.rows<Row>(this.tenant(tenantId).file, sql, `queue:${name}`);
        return { fence: row?.Fence ?? 0, acquisitionId: row?.AcquisitionId ?? null };
      },
      mayPurge: retention.doneMs < 3_600_000,
      tallies,
      troubles: () => {
        const { troubles, troubledUntil } = this.tenant(tenantId);
        return this.time.now < troubledUntil ? Number.NaN : troubles;
      },
      startsWithinMs: this.faults.isCalm && !this.isCrowded ? promptMs : null,
    });
  }
}
