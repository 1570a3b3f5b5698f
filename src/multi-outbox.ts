import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { keepLastUsed } from './compiled-code.ts';
import { withEitherSignal } from './either-signal.ts';
import { auditLimits } from './engine/audit.ts';
import type { Engine } from './engine/engine.ts';
import { type QueueName, queueLeaseName, queueNames, type WorkQueue } from './engine/work-queue.ts';
import { functionOf, isList, MultiOutboxError } from './errors.ts';
import { parseWake } from './fleet/dispatch/request-format.ts';
import { Fleet } from './fleet/index.ts';
import { createAudited } from './fleet/messages/audited.ts';
import { auditedLeases, auditedTenants } from './fleet/messages/audited-face.ts';
import { lazyMessages } from './fleet/messages/lazy.ts';
import { tenantIdsOf, wholeNumberOf } from './fleet/messages/selection.ts';
import { leaseInTenants } from './fleet/operations/lease-in-tenants.ts';
import { handlePoisoned } from './fleet/operations/poison.ts';
import { wakeFirst } from './fleet/operations/wake-first.ts';
import { worstTenants } from './fleet/operations/worst-tenants.ts';
import { strategies } from './fleet/plan/strategies/index.ts';
import { checkedStrategy } from './fleet/plan/strategy.ts';
import { lazyOperations } from './fleet/stored-operations/lazy.ts';
import { tenantDefinition } from './fleet/tenants/definition.ts';
import { checkedDirectory, type Directory } from './fleet/tenants/directory-listing.ts';
import type { Tenants } from './fleet/tenants/registered-tenants.ts';
import type { WakeOptions } from './fleet/wake-hosts.ts';
import { createInbox } from './inbox/inbox.ts';
import { createLeases, type Leases } from './lease/leases.ts';
import { runLocalHost } from './local/host.ts';
import { tickOnce } from './local/tick.ts';
import {
  checkedId,
  checkName,
  checkQueueMessageId,
  checkScope,
  doctorNames,
  historyNames,
  migrateNames,
  mostParallel,
  optionNames,
  tickNames,
  withLeasesNames,
} from './multi-outbox-arguments.ts';
import type { CloseReport, MultiOutbox, MultiOutboxOptions, WakingCalls } from './multi-outbox-interface.ts';
import { booleanOf, optionsOf, signalOf } from './options.ts';
import { createOutbox } from './outbox/outbox.ts';
import { checkedHandlers, handlerSets } from './queue/handler-set.ts';
import type { QueueAccess } from './queue/stored-messages.ts';
import { loadSettings, type Settings } from './settings.ts';
import { consoleLogger } from './telemetry/console-logger.ts';
import { LogLimit } from './telemetry/log-limit.ts';
import { loggerOf, safeLogger, silentLogger } from './telemetry/logger.ts';
import { safeCallback } from './telemetry/safe-callback.ts';

export type {
  CloseReport,
  MultiOutbox,
  MultiOutboxOptions,
  RegistrySchema,
  TickOptions,
  WakingCalls,
} from './multi-outbox-interface.ts';

/**
 * Creates a multi-outbox. It opens each database at the first use.
 * @throws MultiOutboxError INVALID_CONFIGURATION, INVALID_TENANT, DUPLICATE_HANDLER
 */
export function createMultiOutbox(options: MultiOutboxOptions = {}): MultiOutbox {
  const checked = optionsOf('createMultiOutbox', options, optionNames, 'INVALID_CONFIGURATION');
  const { tenants, handlers, strategy, logger, onError, onDeadMessage, owner, actor, ...given } = checked;
  return assembleMultiOutbox(checked, loadSettings(given));
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
    'tenants' | 'handlers' | 'strategy' | 'logger' | 'onError' | 'onDeadMessage' | 'owner' | 'actor'
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
    actor = owner.slice(0, auditLimits.actor),
  } = options;
  checkName('owner', owner, 150);
  checkName('actor', actor, auditLimits.actor);
  const logger = safeLogger(loggerOf('createMultiOutbox', givenLogger, 'INVALID_CONFIGURATION'));
  const handlers = checkedHandlers(givenHandlers);
  const isStatic = isList(tenants);
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

  /**
   * The outbox or inbox of each tenant; it stays the same instance until the tenant's configuration changes (F9). Ids may come
   * from requests, so an instance that nobody holds leaves memory.
   */
  function facesOf<Face extends object>(
    name: QueueName,
    create: (tenantId: string, access: QueueAccess) => Face,
  ) {
    const faces = new Map<string, WeakRef<Face>>();
    const collected = new FinalizationRegistry<string>((tenantId) => {
      if (faces.get(tenantId)?.deref() === undefined) faces.delete(tenantId);
    });
    handle.onTenantChange((tenantId) => faces.delete(tenantId));
    return (tenantId: string): Face => {
      checkedId(name, tenantId);
      const known = faces.get(tenantId)?.deref();
      if (known !== undefined) return known;
      const face = create(tenantId, accessTo(name, tenantId));
      faces.set(tenantId, new WeakRef(face));
      collected.register(face, tenantId);
      return face;
    };
  }

  function wakes(wakeOptions?: WakeOptions): Pick<WakingCalls, 'wake' | 'wakeFrom'> {
    return {
      async wake(tenantId) {
        const ids = (isList(tenantId) ? [...tenantId] : [tenantId]) as readonly string[];
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

  const registry = async () => (await handle.ready()).registry;
  const audited = createAudited(registry, logger);
  const tenantsOfFleet: Tenants = {
    ...fleet.tenants,
    async wake(tenantId) {
      checkedId('tenants.wake', tenantId);
      const { inFlight } = await fleet.wake([tenantId]);
      return { ...(await fleet.tenants.get(tenantId)), inFlight: inFlight.includes(tenantId) };
    },
  };
  const operatorAccess = {
    registry,
    audited,
    actor,
    callbackLog,
    useQueue: <T>(tenantId: string, queue: QueueName, action: (queue: WorkQueue) => Promise<T>) =>
      fleet.useTenant(tenantId, (database) => action(database.queue(queue))),
    wake: (tenantId: string) => fleet.wakes.wake(tenantId),
  };

  const dropLastUsed = keepLastUsed();
  const close = async (): Promise<CloseReport> => {
    const unwoken = await fleet.close();
    dropLastUsed();
    return { unwoken };
  };

  return {
    handlers,
    tenants: auditedTenants(tenantsOfFleet, audited, actor),
    plan: fleet.plan,
    dispatch: fleet.dispatch,
    async tick(tickOptions = {}) {
      const { signal, onRun } = optionsOf('tick', tickOptions, tickNames);
      signalOf('tick', signal);
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
      if (signalOf('run', signal) === undefined) {
        throw new MultiOutboxError(
          'INVALID_ARGUMENT',
          "run: 'signal' is missing; pass the signal of an AbortController, which stops the run when it fires.",
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
    leases: (tenantId) =>
      auditedLeases(leases(tenantId), tenantId, audited, actor, async (name) => {
        const isRuns = queueNames.some((queue) => name === queueLeaseName(queue));
        if (tenantId !== undefined && isRuns) await fleet.giveUpRun(tenantId);
      }),
    messages: lazyMessages({ ...operatorAccess, handlers: handlerSets(handlers) }),
    operations: lazyOperations({
      ...operatorAccess,
      tenants: (recorded) => auditedTenants(tenantsOfFleet, recorded, actor),
    }),
    async withLeases(name, options, work) {
      const { tenants, parallel = 8, ...leaseOptions } = optionsOf('withLeases', options, withLeasesNames);
      signalOf('withLeases', leaseOptions.signal);
      functionOf('withLeases', 'work', work);
      if (tenants !== undefined) tenantIdsOf('withLeases', tenants);
      wholeNumberOf('withLeases', 'parallel', parallel, 1, mostParallel);
      const ids = tenants ?? (await fleet.tenants.list({ status: 'active' })).map(({ id }) => id);
      return leaseInTenants(ids, parallel, leases, name, leaseOptions, work);
    },
    status: async () => (await handle.ready()).registry.fleet(),
    async history(historyOptions = {}) {
      const { tenant, ...range } = optionsOf('history', historyOptions, historyNames);
      const { readHistory } = await import('./fleet/operations/history.ts');
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
      wholeNumberOf('worst', 'limit', limit, 0, 10_000);
      wholeNumberOf('worst', 'examine', examine, 0, 10_000_000);
      return worstTenants((await handle.ready()).registry, { limit, examine });
    },
    async poisoned(content, queue, poisonedOptions = {}) {
      const { messageId } = optionsOf('poisoned', poisonedOptions, { messageId: true });
      checkQueueMessageId('poisoned', messageId);
      const { registry } = await handle.open();
      return handlePoisoned(content, queue, {
        registry,
        messageId,
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
      const options = optionsOf('migrate', migrateOptions, migrateNames);
      checkScope('migrate', options);
      for (const name of ['dryRun', 'resume'] as const) booleanOf('migrate', name, options[name]);
      return fleet.migrate({
        ...options,
        onTenant: safeCallback('migrate', 'onTenant', options.onTenant, callbackLog),
      });
    },
    async doctor(examineOptions = {}) {
      const options = optionsOf('doctor', examineOptions, doctorNames);
      checkScope('doctor', options);
      return fleet.examine({
        ...options,
        onTenant: safeCallback('doctor', 'onTenant', options.onTenant, callbackLog),
      });
    },
    close,
    async [Symbol.asyncDispose]() {
      await close();
    },
  };
}
