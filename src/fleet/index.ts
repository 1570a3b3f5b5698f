/**
 * The fleet of one deployment. A timer tick takes this path (docs/architecture.md has a drawing):
 *
 *  1. timer → Fleet.plan → plan/planner.ts chooses the due tenants and makes one dispatch-request.ts for each
 *  2. request → Fleet.dispatch → dispatch/dispatcher.ts → dispatch/run-queues.ts → ../queue/run.ts, which claims, calls
 *     handlers and settles
 *  3. report → dispatch/report-run.ts writes it to the registry, with the next due time of plan/schedule-policy.ts
 */

import { withEitherSignal } from '../either-signal.ts';
import type { TenantDatabase } from '../engine/engine.ts';
import type { PlanRange } from '../engine/plan-range.ts';
import type { Woken } from '../engine/registry.ts';
import type { QueueName } from '../engine/work-queue.ts';
import { describeError, MultiOutboxError, shownValue } from '../errors.ts';
import { type NamesOf, optionsOf, signalOf } from '../options.ts';
import { type FailureListeners, noListeners } from '../queue/failures.ts';
import type { HandlerSet } from '../queue/handler-set.ts';
import { markIdle } from '../telemetry/idle-spans.ts';
import { LogLimit } from '../telemetry/log-limit.ts';
import { recordPlan, recordWakes, setTenantLabels } from '../telemetry/metrics.ts';
import { publishPoint } from '../telemetry/points.ts';
import { inSpan } from '../telemetry/spans.ts';
import { traceHeaders } from '../telemetry/trace-headers.ts';
import { type DispatchOptions, dispatchTenant } from './dispatch/dispatcher.ts';
import { checkedDispatchRequest } from './dispatch/request-format.ts';
import type { RunReport } from './dispatch/run-report.ts';
import { type DispatchRequest, dispatchRequests } from './dispatch-request.ts';
import { isEmbedded } from './engines.ts';
import { FleetHandle, type FleetHandleOptions, type OpenFleet } from './fleet-handle.ts';
import type { Diagnosis, ExamineOptions } from './operations/doctor.ts';
import type { MigrateOptions, TenantMigration } from './operations/migrate.ts';
import { PendingWakes } from './pending-wakes.ts';
import { FleetGauge } from './plan/fleet-gauge.ts';
import { keepHistory } from './plan/history-keeper.ts';
import { ParkedTenants } from './plan/parked-tenants.ts';
import { PlanRanges } from './plan/plan-ranges.ts';
import { isRoutine, type PlanReport } from './plan/plan-report.ts';
import { makePlan } from './plan/planner.ts';
import type { Strategy } from './plan/strategy.ts';
import { registeredTenants, type Tenants } from './tenants/registered-tenants.ts';
import { tenantNotActive } from './tenants/tenant-errors.ts';
import { sendingHost, type WakeHost, WakeHosts, type WakeOptions } from './wake-hosts.ts';
import { WakeWatch } from './wake-watch.ts';

export interface FleetOptions extends FleetHandleOptions {
  readonly handlers: ReadonlyMap<QueueName, HandlerSet>;
  readonly strategy: Strategy;
  /** The random source of jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Bounds the log lines about failures. The fleet closes it. Default: one of its own. */
  readonly logLimit?: LogLimit;
  readonly onError?: FailureListeners['onError'];
  readonly onDeadMessage?: FailureListeners['onDeadMessage'];
}

export interface PlanOptions {
  /** The most tenants to choose, a whole number from 1. Default: the setting `plan.capacity`. */
  readonly capacity?: number;
}

const planNames: NamesOf<PlanOptions> = { capacity: true };
const dispatchNames: NamesOf<DispatchOptions> = { signal: true, continues: true };

export class Fleet {
  /** Opens the registry, the directory and the tenants' databases when they are first used. */
  readonly handle: FleetHandle;
  readonly tenants: Omit<Tenants, 'wake'>;
  /** The wakes that follow stored messages. */
  readonly wakes: PendingWakes;
  /** The hosts of this process that serve woken tenants at once. */
  readonly #wakeHosts = new WakeHosts();
  readonly #wakeWatch: WakeWatch;
  readonly #options: FleetOptions;
  readonly #gauge: FleetGauge;
  readonly #logLimit: LogLimit;
  #closing: Promise<string[]> | undefined;
  readonly #parked: ParkedTenants;
  /** Undefined with one planner. */
  readonly #ranges: PlanRanges | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.handle = new FleetHandle(options);
    const embedded = Array.isArray(options.tenants) || isEmbedded(options.settings.registry);
    this.tenants = registeredTenants(this.handle, embedded);
    this.wakes = new PendingWakes({
      wake: (tenantIds, wakeOptions) => this.#wakeActive(tenantIds, wakeOptions),
      logger: options.logger,
      random: options.random ?? Math.random,
    });
    this.#wakeWatch = new WakeWatch({
      registry: async () => (await this.handle.ready()).registry,
      onDue: () => this.#wakeHosts.planSoon(),
      intervalMs: options.settings.plan.intervalMs,
      logger: options.logger,
    });
    this.#gauge = new FleetGauge(options.owner, options.logger);
    this.#logLimit = options.logLimit ?? new LogLimit(options.logger);
    const topics = [...options.handlers.values()].flatMap((set) => set.topics.map(({ topic }) => topic));
    this.#parked = new ParkedTenants(topics, options.logger);
    const { owner, logger } = options;
    const { planners } = options.settings.plan;
    this.#ranges = planners === 1 ? undefined : new PlanRanges({ planners, owner, logger });
    setTenantLabels(options.settings.telemetry.metricTenants);
  }

  /** Chooses the due tenants (F3) and returns one dispatch request for each. @throws INVALID_ARGUMENT, CLOSED */
  readonly plan = async (options: PlanOptions = {}): Promise<PlanReport> =>
    this.handle.track(this.#plan(optionsOf('plan', options, planNames)));

  async #plan({ capacity }: PlanOptions): Promise<PlanReport> {
    const { settings } = this.#options;
    const checked = checkedCapacity(capacity ?? settings.plan.capacity);
    this.handle.closed.throwIfAborted();
    const { registry, directory } = await this.handle.ready();
    // A running dispatch must notice a tenant's change even while no other call reads the directory.
    void directory.refreshIfDue();
    await this.#parked.wakeOnce(registry);
    if (await this.#gauge.recordIfDue(registry)) {
      const limit = settings.telemetry.metricWorstTenants;
      void this.handle.track(this.#gauge.showTenants(registry, { limit, signal: this.handle.closed }));
    }
    const plan = (range: PlanRange | undefined, share: number) =>
      this.#planRange({ registry, directory }, range, share);
    return this.#ranges === undefined
      ? plan(undefined, checked)
      : this.#ranges.plan(checked, plan, this.handle.closed);
  }

  #planRange(
    { registry, directory }: Pick<OpenFleet, 'registry' | 'directory'>,
    range: PlanRange | undefined,
    capacity: number,
  ): Promise<PlanReport> {
    const { settings, strategy, owner, logger } = this.#options;
    return inSpan('plan', {}, async (span) => {
      const onTenant = directory.remember.bind(directory);
      let isNewMinute = false;
      const report = await makePlan(
        {
          registry,
          strategy,
          owner,
          logger,
          plan: settings.plan,
          leaseMs: settings.dispatch.leaseMs,
          redispatchMs: this.#redispatchMs,
          lookWithinMs: settings.schedule.lookWithinMs,
          range,
          onTenant,
          onNewMinute: () => {
            isNewMinute = true;
          },
        },
        capacity,
      );
      // The plan's tenants do not wait for the history; `close` does.
      if (isNewMinute)
        void this.handle.track(keepHistory(registry, { record: settings.telemetry.history, logger }));
      const { status, due, requests } = report;
      span.setAttributes({ status, due, requests: requests.length });
      if (isRoutine(report)) markIdle(span);
      recordPlan(report);
      return report;
    });
  }

  /**
   * Handles one request with one dispatch run (D1). A tenant's failure is in the report, not thrown (D8). `close` ends
   * the run as the signal does (D5).
   * @throws INVALID_ARGUMENT, INVALID_CONFIGURATION, UNKNOWN_TENANT, CLOSED, or the registry's error
   */
  readonly dispatch = async (
    request: DispatchRequest | { readonly tenantId: string },
    dispatchOptions: DispatchOptions = {},
  ): Promise<RunReport> => {
    const { signal, ...options } = optionsOf('dispatch', dispatchOptions, dispatchNames);
    return this.handle.track(
      withEitherSignal(signalOf('dispatch', signal), this.handle.closed, (either) =>
        this.#dispatch(request, { ...options, signal: either }),
      ),
    );
  };

  async #dispatch(
    request: DispatchRequest | { readonly tenantId: string },
    dispatchOptions: DispatchOptions & { readonly signal: AbortSignal },
  ): Promise<RunReport> {
    const checked = checkedDispatchRequest(request, 'manual');
    this.assertHandlers();
    const { registry, directory, databases } = await this.handle.ready();
    const report = await dispatchTenant(
      {
        ...this.#options,
        registry,
        directory,
        databases,
        random: this.#options.random ?? Math.random,
        failures: {
          limit: this.#logLimit,
          onError: this.#options.onError ?? noListeners.onError,
          onDeadMessage: this.#options.onDeadMessage ?? noListeners.onDeadMessage,
        },
        redispatchMs: this.#redispatchMs,
      },
      checked,
      dispatchOptions,
    );
    if (report.outcome === 'dispatched') this.#wakeWatch.active();
    return report;
  }

  /**
   * A request may be lost, so the bound of all looks holds here too (F6). The default is about the time after which a
   * crashed run's tenant is due again (dispatch/postpone-plans.ts).
   */
  get #redispatchMs(): number {
    const { plan, dispatch, schedule } = this.#options.settings;
    return Math.min(plan.redispatchMs ?? dispatch.leaseMs + dispatch.graceMs, schedule.lookWithinMs);
  }

  /** Lets a host fail before tenants are chosen. @throws INVALID_CONFIGURATION when there is no handler */
  assertHandlers(): void {
    if (this.#options.handlers.size > 0) return;
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      'No handlers were given, so no message can be dispatched; pass handlers to createMultiOutbox.',
    );
  }

  /**
   * Wakes tenants (F7): each is chosen and served at once if a host has a place for it; otherwise it is due now, or after
   * the run that is in flight.
   * @throws UNKNOWN_TENANT, TENANT_NOT_ACTIVE
   */
  async wake(tenantIds: readonly string[], options: WakeOptions = {}): Promise<Woken> {
    const woken = await this.#wakeActive(tenantIds, options);
    const active = new Set(woken.tenantIds);
    const missing = tenantIds.find((id) => !active.has(id));
    if (missing !== undefined) throw tenantNotActive(await this.tenants.get(missing));
    return woken;
  }

  /**
   * An operator has taken the lease from the tenant's run. The run may hang, so nobody waits for its report, nor for the
   * redispatch time: the tenant is due now. A run that is alive loses its lease, and postpones the tenant no more. Never
   * throws, because the lease is released already; the tenant is then due after the redispatch time.
   */
  async giveUpRun(tenantId: string): Promise<void> {
    try {
      const { registry } = await this.handle.ready();
      await registry.postpone(tenantId, 0);
      await this.#wakeActive([tenantId]);
    } catch (error) {
      this.#options.logger.warn(
        'The tenant could not be made due after its lease was released; it is due after the redispatch time.',
        { tenantId, error: describeError(error) },
      );
    }
  }

  /** Lets a host of this process serve woken tenants, also those of other processes. Returns the function that ends it. */
  serveWakes(host: WakeHost): () => void {
    const remove = this.#wakeHosts.add(host);
    const endWatch = this.#wakeWatch.add();
    return () => {
      remove();
      endWatch();
    };
  }

  async #wakeActive(tenantIds: readonly string[], { onRequest }: WakeOptions = {}): Promise<Woken> {
    for (const tenantId of tenantIds) publishPoint('wake:before', tenantId);
    const { registry, directory } = await this.handle.ready();
    const wanted = tenantIds.length;
    const kept = onRequest
      ? { host: sendingHost(onRequest, this.#options.logger), places: wanted }
      : this.#wakeHosts.reserve(wanted);
    let requests: DispatchRequest[] = [];
    let durable: Promise<void> | undefined;
    try {
      const choose = { capacity: kept?.places ?? 0, redispatchMs: this.#redispatchMs };
      const woken = await registry.wake(tenantIds, choose);
      durable = woken.durable;
      for (const tenantId of tenantIds) publishPoint('wake:after', tenantId);
      for (const tenant of woken.chosen) directory.remember(tenant);
      if (woken.chosen.length > 0) {
        requests = dispatchRequests(
          woken.chosen.map((tenant) => ({ tenant, reason: 'wake' })),
          // The wakes of several producers have only the first one's trace.
          wanted === 1 ? traceHeaders().traceparent : undefined,
        );
      }
      if (woken.due.length > 0 && choose.capacity < wanted) this.#wakeHosts.planSoon();
      recordWakes(woken.tenantIds);
      return woken;
    } finally {
      await kept?.host.serve(requests, kept.places);
      await durable;
    }
  }

  /** Runs `action` with a tenant's open database. @throws UNKNOWN_TENANT; TENANT_NOT_ACTIVE for a retired tenant */
  async useTenant<T>(tenantId: string, action: (database: TenantDatabase) => Promise<T>): Promise<T> {
    const { directory, databases } = await this.handle.ready();
    const tenant = await directory.get(tenantId);
    if (tenant.status === 'retired') throw tenantNotActive(tenant);
    return databases.use(tenant, action);
  }

  /** Returns the tenants that could not be woken. Idempotent. */
  close(): Promise<string[]> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends the runs first, because their handlers may store messages; these wake their tenants. */
  async #close(): Promise<string[]> {
    await this.handle.stop();
    this.#gauge.close();
    this.#logLimit.close();
    const unwoken = await this.wakes.close();
    await this.handle.close();
    return unwoken;
  }

  async migrate(options: MigrateOptions): Promise<TenantMigration[]> {
    const { migrateFleet } = await import('./operations/migrate.ts');
    const { engine, registry, sync } = await this.handle.open();
    return migrateFleet(engine, registry, options, async () => sync?.now());
  }

  async examine(options: ExamineOptions): Promise<Diagnosis[]> {
    const { examineFleet } = await import('./operations/doctor.ts');
    const { engine, registry, sync } = await this.handle.open();
    // Examine the known databases even if the directory cannot be read.
    await sync?.ready().catch(() => {});
    return examineFleet(engine, registry, options);
  }
}

function checkedCapacity(capacity: number): number {
  if (Number.isSafeInteger(capacity) && capacity >= 1) return capacity;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `The plan's capacity is ${shownValue(capacity)}; it must be a whole number from 1.`,
  );
}
