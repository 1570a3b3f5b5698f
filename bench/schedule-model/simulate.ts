/**
 * A fleet on a virtual clock: the real planner, strategies, schedule policy and registry (in memory), with modelled
 * tenants, handlers and slots. Nothing waits in real time, so a day takes minutes at most; the same seed gives the same run.
 */
import { randomUUID } from 'node:crypto';
import { durationFigures, emptyHistogram } from '../../src/engine/histogram.ts';
import type { Registry } from '../../src/engine/registry.ts';
import { createSqliteEngine } from '../../src/engine/sqlite/index.ts';
import { reportRun, scheduleAfter } from '../../src/fleet/dispatch/report-run.ts';
import type { RunReport } from '../../src/fleet/dispatch/run-report.ts';
import type { DispatchRequest } from '../../src/fleet/dispatch-request.ts';
import { makePlan } from '../../src/fleet/plan/planner.ts';
import { strategies } from '../../src/fleet/plan/strategies/index.ts';
import type { Strategy } from '../../src/fleet/plan/strategy.ts';
import { tenantDefinition } from '../../src/fleet/tenants/definition.ts';
import { addCounts, noCounts } from '../../src/queue/tally.ts';
import { loadSettings, type Settings } from '../../src/settings.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { nextArrival } from './arrivals.ts';
import { type Findings, Measures } from './measures.ts';
import { ModelledTenant } from './modelled-tenant.ts';
import { seeded } from './random.ts';
import type { Arrivals, Scenario } from './scenario.ts';
import { Timeline } from './timeline.ts';

type Happening = () => Promise<void> | void;

/** Midnight of a Monday. */
const beginsUtc = Date.UTC(2026, 0, 5);

export interface SimulateOptions {
  readonly seed?: number;
  /** Replaces the strategy that the scenario's settings name. */
  readonly strategy?: Strategy;
}

export async function simulate(
  scenario: Scenario,
  { seed = 1, strategy }: SimulateOptions = {},
): Promise<Findings> {
  const settings = loadSettings(scenario.settings, {});
  const simulation = new Simulation(
    scenario,
    settings,
    strategy ?? strategies[settings.plan.strategy]({ fairEvery: settings.plan.fairEvery }),
    seeded(seed),
  );
  return simulation.run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #settings: Settings;
  readonly #strategy: Strategy;
  readonly #random: () => number;
  readonly #timeline = new Timeline<Happening>();
  readonly #tenants = new Map<string, ModelledTenant>();
  readonly #measures = new Measures();
  /** Requests that wait for a slot; a local host plans no more tenants than it has free slots. */
  readonly #requests: DispatchRequest[] = [];
  #registry!: Registry;
  #now = 0;
  #running = 0;
  /** The last plan or run reported more due tenants: plan again as soon as a slot is free. */
  #isMoreDue = true;

  constructor(scenario: Scenario, settings: Settings, strategy: Strategy, random: () => number) {
    this.#scenario = scenario;
    this.#settings = settings;
    this.#strategy = strategy;
    this.#random = random;
  }

  async run(): Promise<Findings> {
    const engine = createSqliteEngine({ registry: ':memory:', clock: () => beginsUtc + this.#now });
    this.#registry = engine.openRegistry();
    try {
      await this.#register();
      this.#timeline.add(0, () => this.#tick());
      for (;;) {
        const next = this.#timeline.take(this.#scenario.duration);
        if (next === undefined) break;
        this.#now = next.at;
        await next.event();
      }
      return this.#measures.findings(this.#scenario, this.#strategy.name, [...this.#tenants.values()]);
    } finally {
      await engine.close();
    }
  }

  async #register(): Promise<void> {
    for (const [index, kind] of this.#scenario.classes.entries()) {
      for (let n = 1; n <= kind.tenants; n++) {
        const definition = tenantDefinition({ ...kind.tenant, id: `class-${index + 1}-tenant-${n}` });
        const tenant = new ModelledTenant(await this.#registry.add(definition, definition.id), kind);
        this.#tenants.set(definition.id, tenant);
        for (const pattern of kind.arrivals) this.#expect(tenant, pattern, null);
      }
    }
  }

  #expect(tenant: ModelledTenant, pattern: Arrivals, after: number | null): void {
    const arrival = nextArrival(pattern, after, this.#random);
    if (arrival === undefined) return;
    this.#timeline.add(arrival.at, async () => {
      this.#expect(tenant, pattern, arrival.at);
      tenant.enqueue(this.#now, arrival.messages);
      this.#measures.enqueued(tenant.kind, arrival.messages);
      // The model's producers are in processes without a host, so a wake only makes the tenant due.
      if (tenant.kind.wakes) await this.#registry.wake([tenant.record.id]);
    });
  }

  async #tick(): Promise<void> {
    this.#timeline.add(this.#now + this.#settings.plan.intervalMs, () => this.#tick());
    await this.#plan();
  }

  /** Plans as the hosts do: src/local/host.ts, or functions/plan.ts. */
  async #plan(): Promise<void> {
    const isLocal = this.#scenario.host === 'local';
    for (let goesOn = true; goesOn; ) {
      const free = this.#scenario.places - this.#running;
      if (isLocal && free <= 0) return;
      this.#isMoreDue = false;
      this.#measures.plans++;
      const { requests, more } = await makePlan(
        {
          registry: this.#registry,
          strategy: this.#strategy,
          owner: 'simulated',
          plan: this.#settings.plan,
          leaseMs: this.#settings.dispatch.leaseMs,
          redispatchMs: this.#redispatchMs,
          lookWithinMs: this.#settings.schedule.lookWithinMs,
          logger: silentLogger,
          onTenant() {},
        },
        isLocal ? free : this.#settings.plan.capacity,
      );
      this.#isMoreDue = more;
      const before = this.#running;
      for (const request of requests) {
        // A local host skips tenants whose runs are in flight; a queue does not know which runs are in flight.
        if (!isLocal || !this.#tenantOf(request).isServed) this.#requests.push(request);
      }
      this.#serveRequests();
      goesOn = isLocal && more && this.#running > before && this.#running < this.#scenario.places;
    }
  }

  #serveRequests(): void {
    while (this.#running < this.#scenario.places && this.#requests.length > 0) {
      this.#serve(this.#requests.shift()!);
    }
  }

  #serve(request: DispatchRequest): void {
    const { call, resume } = this.#scenario;
    const tenant = this.#tenantOf(request);
    const after = (ms: number, fields: Partial<RunReport>) =>
      this.#timeline.add(this.#now + ms, () => this.#end(request, tenant, ms, fields));
    this.#running++;
    this.#measures.runs++;
    if (tenant.isServed) {
      // Another run has the lease, and renews it at a third of its duration.
      const heldBy = { owner: 'another run', expiresInMs: this.#settings.dispatch.leaseMs };
      after(call, { outcome: 'skipped', queues: [{ heldBy } as RunReport['queues'][number]] });
      return;
    }
    this.#measures.touched(tenant.kind);
    if (this.#random() < tenant.kind.unreachable) {
      after(this.#settings.sqlserver.connectTimeoutMs, {
        outcome: 'failed',
        error: { code: 'DATABASE_UNREACHABLE', message: 'Simulated.' },
      });
    } else if (!tenant.touch(this.#now, resume)) {
      after(call, { outcome: 'resuming', error: { code: 'DATABASE_RESUMING', message: 'Simulated.' } });
    } else {
      tenant.isServed = true;
      const startedAt = this.#now;
      this.#continue(request, tenant, {
        startedAt,
        budgetEndsAt: startedAt + this.#settings.dispatch.timeBudgetMs,
        counts: noCounts,
        claimed: false,
      });
    }
  }

  /** Runs batch by batch, until no message is due or the time budget is spent. */
  #continue(request: DispatchRequest, tenant: ModelledTenant, run: RunningRun): void {
    const { dispatch, retry } = this.#settings;
    const { batchSize = dispatch.batchSize, concurrency = dispatch.concurrency } = tenant.record.overrides;
    const { started, endsAt, ...counts } = tenant.runBatch(this.#now, {
      batchSize,
      concurrency,
      retry,
      callMs: this.#scenario.call,
      budgetEndsAt: run.budgetEndsAt,
      random: this.#random,
      onFirstStart: (latencyMs) => this.#measures.started(tenant.kind, latencyMs, this.#now),
    });
    this.#measures.calls++;
    const sum = {
      ...run,
      counts: addCounts(run.counts, { ...noCounts, ...counts }),
      claimed: run.claimed || started > 0,
    };
    this.#timeline.add(endsAt, () => {
      tenant.touch(this.#now, 0);
      if (started > 0) return this.#continue(request, tenant, sum);
      tenant.isServed = false;
      return this.#end(request, tenant, this.#now - run.startedAt, {
        outcome: sum.claimed ? 'dispatched' : 'idle',
        counts: sum.counts,
        more: tenant.hasDue(this.#now),
        nextDueInMs: tenant.nextDueInMs(this.#now),
      });
    });
  }

  async #end(
    request: DispatchRequest,
    tenant: ModelledTenant,
    durationMs: number,
    fields: Partial<RunReport>,
  ): Promise<void> {
    const { tenantId, reason } = request;
    const report: RunReport = {
      ...emptyReport,
      runId: randomUUID(),
      tenantId,
      reason,
      durationMs,
      ...fields,
    };
    const isContinued = this.#scenario.host === 'functions' && report.more;
    const schedule = scheduleAfter(
      { tenant: tenant.record, request, report },
      this.#settings.schedule,
      this.#random,
    );
    await reportRun(
      { registry: this.#registry, random: this.#random, keepsHistory: false },
      report,
      { schedule, ...(isContinued && { continues: { redispatchMs: this.#redispatchMs } }) },
      silentLogger,
    );
    this.#running--;
    this.#measures.ended(tenant.kind, report);
    if (isContinued)
      this.#requests.push({ version: 1, tenantId, reason: 'backlog', plannedUtc: request.plannedUtc });
    this.#isMoreDue ||= report.more;
    if (this.#scenario.host === 'local' && this.#isMoreDue) await this.#plan();
    else this.#serveRequests();
  }

  #tenantOf({ tenantId }: DispatchRequest): ModelledTenant {
    return this.#tenants.get(tenantId)!;
  }

  /** The same as in `Fleet`. */
  get #redispatchMs(): number {
    const { plan, dispatch } = this.#settings;
    return plan.redispatchMs ?? dispatch.leaseMs + dispatch.graceMs;
  }
}

interface RunningRun {
  readonly startedAt: number;
  readonly budgetEndsAt: number;
  readonly counts: RunReport['counts'];
  readonly claimed: boolean;
}

const emptyReport: Omit<RunReport, 'runId'> = {
  tenantId: '',
  reason: 'due',
  outcome: 'idle',
  queues: [],
  counts: noCounts,
  parkedTopics: [],
  wait: durationFigures(emptyHistogram),
  handle: durationFigures(emptyHistogram),
  more: false,
  nextDueInMs: null,
  durationMs: 0,
  roundTrips: 0,
};
