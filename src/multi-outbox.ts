import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { withEitherSignal } from './either-signal.ts';
import type { Engine } from './engine/engine.ts';
import type { FleetSummary } from './engine/registry.ts';
import type { QueueName } from './engine/work-queue.ts';
import { functionOf, isMultiOutboxError, MultiOutboxError, shownValue } from './errors.ts';
import type { DispatchOptions } from './fleet/dispatch/dispatcher.ts';
import { parseWake } from './fleet/dispatch/request-format.ts';
import type { RunReport } from './fleet/dispatch/run-report.ts';
import type { DispatchRequest } from './fleet/dispatch-request.ts';
import { Fleet, type PlanOptions } from './fleet/index.ts';
import type { Diagnosis, ExamineOptions } from './fleet/operations/doctor.ts';
import { type History, type HistoryOptions, readHistory } from './fleet/operations/history.ts';
import {
  type LeaseInTenantsOptions,
  leaseInTenants,
  type TenantUnderLease,
} from './fleet/operations/lease-in-tenants.ts';
import type { MigrateOptions, TenantMigration } from './fleet/operations/migrate.ts';
import { handlePoisoned, type PoisonedQueue, type PoisonReport } from './fleet/operations/poison.ts';
import { wakeFirst } from './fleet/operations/wake-first.ts';
import { type WorstTenants, worstTenants } from './fleet/operations/worst-tenants.ts';
import type { PlanReport } from './fleet/plan/plan-report.ts';
import { strategies } from './fleet/plan/strategies/index.ts';
import { checkedStrategy, type Strategy } from './fleet/plan/strategy.ts';
import { type TenantInput, tenantDefinition } from './fleet/tenants/definition.ts';
import { checkedDirectory, type Directory } from './fleet/tenants/directory-listing.ts';
import type { Tenants } from './fleet/tenants/registered-tenants.ts';
import type { WakeOptions } from './fleet/wake-hosts.ts';
import { createInbox, type Inbox } from './inbox/inbox.ts';
import type { Lease } from './lease/lease.ts';
import { createLeases, type Leases, leaseOptionNames } from './lease/leases.ts';
import { runLocalHost } from './local/host.ts';
import type { TickReport } from './local/tick.ts';
import { tickOnce } from './local/tick.ts';
import { type NamesOf, optionsOf } from './options.ts';
import { createOutbox, type Outbox } from './outbox/outbox.ts';
import type { DeadMessage, FailedAttempt } from './queue/failures.ts';
import type { Handler } from './queue/handler.ts';
import { checkedHandlers, handlerSets } from './queue/handler-set.ts';
import type { QueueAccess } from './queue/stored-messages.ts';
import { loadSettings, type Settings, type SettingsInput, settingNames } from './settings.ts';
import { consoleLogger } from './telemetry/console-logger.ts';
import { LogLimit } from './telemetry/log-limit.ts';
import { type Logger, safeLogger, silentLogger } from './telemetry/logger.ts';
import { safeCallback } from './telemetry/safe-callback.ts';

/** The options of `createMultiOutbox`: the settings of docs/configuration.md, and the options that are code. */
export interface MultiOutboxOptions extends SettingsInput {
  /**
   * The source of the tenants. Absent: the registry (`registry`, or MULTI_OUTBOX_REGISTRY). A list: a static
   * directory, whose schedule is kept in this process; with one entry it is a single outbox. A `Directory`: the
   * registry is synchronised with it; `registry: 'sqlite::memory:'` keeps the schedule in this process.
   */
  readonly tenants?: readonly TenantInput[] | Directory;
  readonly handlers?: readonly Handler[];
  /** Decides which due tenants are dispatched first (F4). Default: the setting `plan.strategy`. */
  readonly strategy?: Strategy;
  /**
   * Where the log goes. Default: warnings and errors to standard error, one line each; the setting
   * `telemetry.logToConsole` turns that off.
   */
  readonly logger?: Logger;
  /**
   * Called at once when an attempt has failed, the last one included. It is not awaited, and an error of it is logged
   * and changes nothing.
   */
  readonly onError?: (failure: FailedAttempt) => void;
  /**
   * Called when a message has become Dead, as soon as the database has confirmed that. It is not awaited, and an error
   * of it is logged and changes nothing. (The setting `dispatch.onDead` says what such a message does to its ordering
   * group.)
   */
  readonly onDeadMessage?: (dead: DeadMessage) => void;
  /**
   * The owner of the leases that this instance takes. Default: host name, process id and a random part. Each dispatch
   * run adds a part of its own.
   */
  readonly owner?: string;
}

/** The calls of a multi-outbox that wake tenants. */
export interface WakingCalls {
  /**
   * Returns the same instance for the same id until the tenant's configuration changes. An unknown id fails at the
   * first call of a method.
   */
  outbox(tenantId: string): Outbox;
  /** As `outbox`, for the tenant's inbox. */
  inbox(tenantId: string): Inbox;
  /**
   * Wakes tenants (F7). A `run` of this instance serves them at once, if it has free slots; otherwise they are due now. A
   * tenant that is being served is due again when its run has ended. @throws UNKNOWN_TENANT, TENANT_NOT_ACTIVE
   */
  wake(tenantId: string | readonly string[]): Promise<void>;
  /**
   * Handles a wake from a queue: `{"tenantId":"acme"}`, or just the tenant's id, as plain text or as base64. The wake of a
   * paused tenant is dropped.
   * @throws INVALID_ARGUMENT, UNKNOWN_TENANT, or the registry's error
   */
  wakeFrom(content: unknown): Promise<void>;
}

export interface TickOptions {
  readonly signal?: AbortSignal;
  /** Called when each run starts and when it ends, to report progress. An error of it is logged and stops no run. */
  readonly onRun?: (event: { readonly request: DispatchRequest; readonly report?: RunReport }) => void;
}

/** The result of `close`. */
export interface CloseReport {
  /**
   * Tenants for which this instance stored messages and that it could not wake, or whose wake the registry has not
   * answered in time. Their messages are dispatched at the tenants' next look, within `schedule.lookWithinMs` (F6).
   */
  readonly unwoken: readonly string[];
}

/** Versions of the registry's schema. */
export interface RegistrySchema {
  /** 0 while no registry exists; `migrate` creates it. */
  readonly version: number;
  /** The version to which `migrate` brings the registry. */
  readonly latest: number;
  /** The oldest version that plans and dispatch runs can use; they can also use every later one. */
  readonly oldestUsable: number;
}

/** The library's public interface. The Azure functions and the command line use nothing else. */
export interface MultiOutbox extends WakingCalls {
  readonly tenants: Tenants;
  /** Chooses the due tenants (F3) and returns one dispatch request for each. @throws INVALID_ARGUMENT */
  plan(options?: PlanOptions): Promise<PlanReport>;
  /**
   * Handles one request with one dispatch run (D1). A tenant's failure is in the report, not thrown (D8).
   * @throws INVALID_ARGUMENT, UNKNOWN_TENANT, INVALID_CONFIGURATION without handlers, or the registry's error
   */
  dispatch(
    request: DispatchRequest | { readonly tenantId: string },
    options?: DispatchOptions,
  ): Promise<RunReport>;
  /** Makes one plan and then every run that it requests, in this process. @throws CLOSED, or the registry's error */
  tick(options?: TickOptions): Promise<TickReport>;
  /**
   * Plans and dispatches until the signal fires or `close` is called, then stops gracefully (D5) and resolves.
   * @throws CLOSED when the instance was closed before the call
   */
  run(options: TickOptions & { signal: AbortSignal; onPlan?: (plan: PlanReport) => void }): Promise<void>;
  /**
   * The same calls, for a host with a queue of its own, such as a function app: a wake calls `send` with the dispatch
   * request of each tenant that it chooses, and waits for it before its own call resolves; the host must put the request on
   * its queue. If the request is lost, or `send` fails, the tenant is due again after the redispatch time. A wake in the
   * background only makes its tenant due: one that is repeated, and one that follows the commit of the caller's transaction.
   */
  sending(send: (request: DispatchRequest) => void | Promise<void>): WakingCalls;
  /** The leases of one tenant's database; without an id, those of the registry (L5). */
  leases(tenantId?: string): Leases;
  /**
   * Calls `leases(id).withLease` for many tenants, `parallel` of them at once. One tenant's failure is in its result;
   * the results have the order of the tenants. @throws the registry's error, when the registry must list the tenants
   * and cannot
   */
  withLeases<Result>(
    name: string,
    options: LeaseInTenantsOptions,
    work: (lease: Lease, tenantId: string) => Promise<Result> | Result,
  ): Promise<TenantUnderLease<Result>[]>;
  /** The fleet's state by the registry's last reports; touches no tenant database (F6). */
  status(): Promise<FleetSummary>;
  /**
   * What the fleet did by minute, or a tenant by hour, as plans and reports have written it to the registry; touches no
   * tenant database (F6). @throws INVALID_ARGUMENT, UNKNOWN_TENANT
   */
  history(options?: HistoryOptions): Promise<History>;
  /** The tenants that most need attention, by the same reports; reads at most `examine` tenants. */
  worst(options?: { limit?: number; examine?: number }): Promise<WorstTenants>;
  /**
   * Handles a message of a poison queue: a `poisonedRequest`, which is recorded with the tenant that it names, or a
   * message that a queue's host gave up, which is tried again. The caller must send the report's `requests`.
   * @param queue the queue from which the message came to its poison queue
   * @throws the registry's error; keep the message then, and try again later
   */
  poisoned(content: unknown, queue: PoisonedQueue): Promise<PoisonReport>;
  /** The registry's schema version, and the versions that this program can use. */
  registrySchema(): Promise<RegistrySchema>;
  /**
   * Migrates the registry, then the tenants, to this program's schema. One tenant's failure does not stop the others.
   */
  migrate(options?: MigrateOptions): Promise<TenantMigration[]>;
  /**
   * Checks the registry and the tenants' databases: reachability, schema, rights, settings, clock. It changes
   * nothing, but unlike `status` it connects to the databases.
   */
  doctor(options?: ExamineOptions): Promise<Diagnosis[]>;
  readonly handlers: readonly Handler[];
  /**
   * Ends `run`, `tick` and every dispatch run gracefully (D5), so that their leases are released; repeats failed wakes
   * once; then closes all databases. Other calls in flight, and all later ones, fail with CLOSED. Takes at most about
   * as long as `dispatch.graceMs` while the databases answer. Idempotent; every call returns the same report.
   */
  close(): Promise<CloseReport>;
  [Symbol.asyncDispose](): Promise<void>;
}

const optionNames: NamesOf<MultiOutboxOptions> = {
  tenants: true,
  handlers: true,
  strategy: true,
  logger: true,
  onError: true,
  onDeadMessage: true,
  owner: true,
  ...settingNames,
};
const tickNames: NamesOf<TickOptions> = { signal: true, onRun: true };
const withLeasesNames: NamesOf<LeaseInTenantsOptions> = {
  tenants: true,
  parallel: true,
  ...leaseOptionNames,
};
const historyNames: NamesOf<HistoryOptions> = { tenant: true, since: true, step: true };
const migrateNames: NamesOf<MigrateOptions> = {
  tenants: true,
  dryRun: true,
  resume: true,
  parallel: true,
  onTenant: true,
};
const doctorNames: NamesOf<ExamineOptions> = { tenants: true, parallel: true, onTenant: true };

/**
 * Creates a multi-outbox. It opens each database at the first use.
 * @throws MultiOutboxError INVALID_CONFIGURATION, INVALID_TENANT, DUPLICATE_HANDLER
 */
export function createMultiOutbox(options: MultiOutboxOptions = {}): MultiOutbox {
  const { tenants, handlers, strategy, logger, onError, onDeadMessage, owner, ...given } = optionsOf(
    'createMultiOutbox',
    options,
    optionNames,
    'INVALID_CONFIGURATION',
  );
  return assembleMultiOutbox(options, loadSettings(given));
}

/** Replacements for a multi-outbox's environment, in tests. */
export interface Surroundings {
  readonly engine: Engine;
  /** The random source of jitter; returns [0, 1]. */
  readonly random: () => number;
}

/** As `createMultiOutbox`, with settings that are checked already. */
export function assembleMultiOutbox(
  options: Pick<
    MultiOutboxOptions,
    'tenants' | 'handlers' | 'strategy' | 'logger' | 'onError' | 'onDeadMessage' | 'owner'
  >,
  settings: Settings,
  surroundings?: Surroundings,
): MultiOutbox {
  const {
    tenants,
    handlers: givenHandlers = [],
    strategy,
    logger: givenLogger = settings.telemetry.logToConsole ? consoleLogger() : silentLogger,
    owner = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`,
  } = options;
  const logger = safeLogger(givenLogger);
  const handlers = checkedHandlers(givenHandlers);
  const isStatic = Array.isArray(tenants);
  const logLimit = new LogLimit(logger);
  const callbackLog = { logger, limit: logLimit };
  const fleet = new Fleet({
    settings,
    tenants: isStatic
      ? tenants.map((tenant) => tenantDefinition(tenant))
      : tenants === undefined
        ? undefined
        : checkedDirectory(tenants as Directory),
    handlers: handlerSets(handlers),
    strategy: checkedStrategy(
      strategy === undefined
        ? strategies[settings.plan.strategy]({ fairEvery: settings.plan.fairEvery })
        : strategy,
    ),
    logger,
    logLimit,
    onError: safeCallback('createMultiOutbox', 'onError', options.onError, callbackLog),
    onDeadMessage: safeCallback('createMultiOutbox', 'onDeadMessage', options.onDeadMessage, callbackLog),
    owner,
    ...surroundings,
  });
  const { handle } = fleet;
  const { dispatch, plan } = settings;

  function accessTo(name: QueueName, tenantId: string, wakeOptions?: WakeOptions): QueueAccess {
    return {
      use: (action) => fleet.useTenant(tenantId, (database) => action(database.queue(name))),
      wake: () => fleet.wakes.wake(tenantId, wakeOptions),
      // The caller may have ended by then, so that it could not send a request.
      wakeAfter: (committed) => fleet.wakes.wakeAfter(tenantId, committed),
    };
  }

  /** The outbox or inbox of each tenant; it stays the same instance until the tenant's configuration changes (F9). */
  function facesOf<Face>(name: QueueName, create: (tenantId: string, access: QueueAccess) => Face) {
    const faces = new Map<string, Face>();
    handle.onTenantChange((tenantId) => faces.delete(tenantId));
    return (tenantId: string): Face => {
      checkedId(name, tenantId);
      const known = faces.get(tenantId);
      if (known !== undefined) return known;
      const access = accessTo(name, tenantId);
      const face = create(tenantId, {
        ...access,
        use: async (action) => {
          try {
            return await access.use(action);
          } catch (error) {
            // Ids may come from requests, so unknown ones must not accumulate.
            if (isMultiOutboxError(error, 'UNKNOWN_TENANT')) faces.delete(tenantId);
            throw error;
          }
        },
      });
      faces.set(tenantId, face);
      return face;
    };
  }

  function wakes(wakeOptions?: WakeOptions): Pick<WakingCalls, 'wake' | 'wakeFrom'> {
    return {
      async wake(tenantId) {
        const ids = Array.isArray(tenantId) ? (tenantId as readonly string[]) : [tenantId as string];
        for (const id of ids) checkedId('wake', id);
        await fleet.wake(ids, wakeOptions);
      },
      async wakeFrom(content) {
        await wakeFirst(parseWake(content), (ids) => fleet.wake(ids, wakeOptions));
      },
    };
  }

  const inboxOf = (tenantId: string, access: QueueAccess) => createInbox(tenantId, access, logger);

  function leases(tenantId?: string): Leases {
    if (tenantId !== undefined) checkedId('leases', tenantId);
    return createLeases({
      use: async (action) =>
        tenantId === undefined
          ? action((await handle.open()).registry.leases)
          : fleet.useTenant(tenantId, (database) => action(database.leases)),
      tenantId,
      owner,
      closed: handle.closed,
      logger,
    });
  }

  const close = async (): Promise<CloseReport> => ({ unwoken: await fleet.close() });

  return {
    handlers,
    tenants: fleet.tenants,
    plan: fleet.plan,
    dispatch: fleet.dispatch,
    async tick(tickOptions = {}) {
      const { signal, onRun } = optionsOf('tick', tickOptions, tickNames);
      fleet.assertHandlers();
      return handle.track(
        tickOnce({
          plan: fleet.plan,
          dispatch: (request) => fleet.dispatch(request, { ...(signal && { signal }) }),
          parallelRuns: dispatch.parallelRuns,
          onRun: safeCallback('tick', 'onRun', onRun, callbackLog),
        }),
      );
    },
    async run(runOptions) {
      const { signal, onPlan, onRun } = optionsOf('run', runOptions, { ...tickNames, onPlan: true });
      if (typeof signal?.addEventListener !== 'function') {
        throw new MultiOutboxError(
          'INVALID_ARGUMENT',
          "run: 'signal' must be an AbortSignal, which stops the run when it fires; pass the signal of an AbortController.",
        );
      }
      fleet.assertHandlers();
      handle.closed.throwIfAborted();
      await handle.track(
        withEitherSignal(signal, handle.closed, (either) =>
          runLocalHost({
            plan: fleet.plan,
            dispatch: fleet.dispatch,
            serveWakes: (host) => fleet.serveWakes(host),
            intervalMs: plan.intervalMs,
            parallelRuns: dispatch.parallelRuns,
            signal: either,
            logger,
            onPlan: safeCallback('run', 'onPlan', onPlan, callbackLog),
            onRun: safeCallback('run', 'onRun', onRun, callbackLog),
          }),
        ),
      );
    },
    outbox: facesOf('outbox', createOutbox),
    inbox: facesOf('inbox', inboxOf),
    ...wakes(),
    sending(send) {
      functionOf('sending', 'send', send);
      const wakeOptions: WakeOptions = { onRequest: send };
      return {
        outbox: (tenantId) => createOutbox(tenantId, accessTo('outbox', tenantId, wakeOptions)),
        inbox: (tenantId) => inboxOf(tenantId, accessTo('inbox', tenantId, wakeOptions)),
        ...wakes(wakeOptions),
      };
    },
    leases,
    async withLeases(name, options, work) {
      const { tenants, parallel = 8, ...leaseOptions } = optionsOf('withLeases', options, withLeasesNames);
      functionOf('withLeases', 'work', work);
      const ids = tenants ?? (await fleet.tenants.list({ status: 'active' })).map(({ id }) => id);
      return leaseInTenants(ids, parallel, leases, name, leaseOptions, work);
    },
    status: async () => (await handle.ready()).registry.fleet(),
    async history(historyOptions = {}) {
      const { tenant, ...range } = optionsOf('history', historyOptions, historyNames);
      if (tenant === undefined) return readHistory((await handle.ready()).registry, range);
      checkedId('history', tenant);
      await fleet.tenants.get(tenant);
      return readHistory((await handle.ready()).registry, { tenant, ...range });
    },
    async worst(worstOptions = {}) {
      const { limit = 20, examine = 10_000 } = optionsOf('worst', worstOptions, {
        limit: true,
        examine: true,
      });
      return worstTenants((await handle.ready()).registry, { limit, examine });
    },
    async poisoned(content, queue) {
      const { registry } = await handle.open();
      return handlePoisoned(content, queue, {
        registry,
        wake: (ids, wakeOptions) => wakeFirst(ids, (each) => fleet.wake(each, wakeOptions)),
        logger,
      });
    },
    async registrySchema() {
      const { schema } = (await handle.open()).registry;
      const { latest, oldestUsable } = schema;
      return { version: await schema.version(), latest, oldestUsable };
    },
    async migrate(migrateOptions = {}) {
      const { onTenant } = optionsOf('migrate', migrateOptions, migrateNames);
      return fleet.migrate({
        ...migrateOptions,
        onTenant: safeCallback('migrate', 'onTenant', onTenant, callbackLog),
      });
    },
    async doctor(examineOptions = {}) {
      const { onTenant } = optionsOf('doctor', examineOptions, doctorNames);
      return fleet.examine({
        ...examineOptions,
        onTenant: safeCallback('doctor', 'onTenant', onTenant, callbackLog),
      });
    },
    close,
    async [Symbol.asyncDispose]() {
      await close();
    },
  };
}

function checkedId(call: string, tenantId: unknown): void {
  if (typeof tenantId === 'string') return;
  throw new MultiOutboxError(
    'INVALID_ARGUMENT',
    `${call}: a tenant's id must be text, got ${shownValue(tenantId)}.`,
  );
}
