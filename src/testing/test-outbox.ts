import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { RunCounts } from '../engine/registry.ts';
import { createSqliteEngine } from '../engine/sqlite/index.ts';
import { isList, MultiOutboxError, propertyOf, readable, shownName, shownValue } from '../errors.ts';
import type { RunReport } from '../fleet/dispatch/run-report.ts';
import type { Strategy } from '../fleet/plan/strategy.ts';
import type { TenantInput } from '../fleet/tenants/definition.ts';
import { tenantIdPattern } from '../fleet/tenants/tenant-id.ts';
import { assembleMultiOutbox, type CloseReport, type MultiOutbox } from '../multi-outbox.ts';
import { type NamesOf, objectOf, optionsOf, signalOf } from '../options.ts';
import type { Handler } from '../queue/handler.ts';
import { checkedHandlers } from '../queue/handler-set.ts';
import { addCounts, noCounts } from '../queue/tally.ts';
import { loadSettings, type SettingsInput, settingNames } from '../settings.ts';
import { type Logger, loggerOf, silentLogger } from '../telemetry/logger.ts';
import { createClock, type TestClock } from './clock.ts';
import { type FaultName, type FaultOptions, Faults } from './faults.ts';
import { createFolder, removeFolder } from './folder.ts';
import { attemptOnce, type HandlerOutcome, type RunHandlerOptions, runHandlerNames } from './run-handler.ts';
import { type EnqueuedFilter, storedMessages, type TestMessage } from './stored.ts';

/** The settings of docs/configuration.md, and the options that are code. Environment variables are not read. */
export interface TestOutboxOptions extends Omit<SettingsInput, 'registry' | 'handlersModule'> {
  readonly handlers?: readonly Handler[];
  /** Tenant ids, or definitions. Default: one tenant, 'test'. */
  readonly tenants?: readonly (string | Omit<TenantInput, 'server' | 'database' | 'auth'>)[];
  readonly strategy?: Strategy;
  /** Without a logger nothing is logged. */
  readonly logger?: Logger;
  /** The clock's first time. Default: the machine's time. */
  readonly now?: Date | number | string;
}

/**
 * Whether messages that a run counted in this way show progress, so that `drain` makes another pass. Another
 * pass would not help released and parked messages. Lost messages were given back by the host that took the lease.
 */
const isProgress = {
  done: true,
  retried: true,
  dead: true,
  released: false,
  parked: false,
  lost: true,
  recovered: false,
} satisfies Record<keyof RunCounts, boolean>;

const progress = (Object.keys(isProgress) as (keyof RunCounts)[]).filter((name) => isProgress[name]);

/** The result of `drain`. */
export interface Drained {
  /** Every dispatch run that found messages, in order. */
  readonly runs: readonly RunReport[];
  readonly counts: RunCounts;
}

/**
 * A multi-outbox on the embedded engine; pass it wherever your code takes a MultiOutbox. The registry is in memory;
 * the tenants' databases are files in a temporary folder, which `close` removes.
 */
export interface TestOutbox extends MultiOutbox {
  /** The clock of all these databases: due times, retries, leases and retention use it. */
  readonly clock: TestClock;
  /**
   * Dispatches the messages that are due by the clock, in one tenant or in all, and those that handlers enqueue
   * meanwhile, until none is due. A failed message is due again when the test advances the clock by its delay, which is
   * the longest that the jitter allows.
   */
  drain(tenantId?: string): Promise<Drained>;
  /**
   * Runs one handler for one message: stores the message, claims it, calls the handler with a real context, and
   * settles the outcome. The outbox's own handlers are not called.
   * @throws MultiOutboxError INVALID_MESSAGE, INVALID_ARGUMENT
   */
  runHandler(handler: Handler, payload: unknown, options?: RunHandlerOptions): Promise<HandlerOutcome>;
  /**
   * Lets the next run of a tenant that `drain` or `dispatch` makes fail: `failNextRun('lease lost', { after: 3 })` takes
   * the lease away once three of the run's handlers have ended. A later call for the same tenant replaces it.
   * @throws MultiOutboxError INVALID_ARGUMENT, UNKNOWN_TENANT
   */
  failNextRun(name: FaultName, options?: FaultOptions): void;
  /** The messages of one tenant's queue, settled ones included, in the order in which they were stored. */
  enqueued(filter?: EnqueuedFilter): TestMessage[];
  /**
   * An application's own connection to a tenant's database, for its tables and for transactions to enqueue in. Every
   * call returns the same connection; `close` closes it. @throws MultiOutboxError UNKNOWN_TENANT
   */
  database(tenantId?: string): DatabaseSync;
}

const { registry: _, handlersModule: __, ...ownSettings } = settingNames;
export const testOutboxNames: NamesOf<TestOutboxOptions> = {
  handlers: true,
  tenants: true,
  strategy: true,
  logger: true,
  now: true,
  ...ownSettings,
};
const filterNames: NamesOf<EnqueuedFilter> = { tenantId: true, queue: true, topic: true, status: true };

/** Creates a test outbox with migrated databases. @throws MultiOutboxError as `createMultiOutbox` */
export async function createTestOutbox(options: TestOutboxOptions = {}): Promise<TestOutbox> {
  const {
    handlers = [],
    tenants = ['test'],
    strategy,
    logger = silentLogger,
    now,
    ...given
  } = optionsOf('createTestOutbox', options, testOutboxNames);
  loggerOf('createTestOutbox', logger);
  const settings = loadSettings({ ...given, sqlite: { synchronous: 'normal', ...given.sqlite } }, {});
  const listed = tenantsOf(tenants);
  const clock = createClock(now);
  const folder = createFolder();
  const fileOf = (tenantId: string) => path.join(folder, `${tenantId}.db`);
  const located = (tenant: string | TenantInput): TenantInput => {
    const input = readable('The test outbox: a tenant', () =>
      typeof tenant === 'string' ? { id: tenant } : { ...objectOf('A tenant', tenant) },
    );
    // The check of the definition refuses an id that cannot be a file's name.
    return { ...input, database: fileOf(isTenantId(input.id) ? input.id : 'test') };
  };
  const faults = new Faults();
  const engine = createSqliteEngine({
    registry: ':memory:',
    ...settings.sqlite,
    clock: () => clock.now().getTime(),
  });
  const connections = new Map<string, DatabaseSync>();

  async function close(): Promise<CloseReport> {
    for (const connection of connections.values()) if (isOpen(connection)) connection.close();
    connections.clear();
    const report = (await multiOutbox?.close()) ?? { unwoken: [] };
    await engine.close();
    removeFolder(folder);
    return report;
  }

  let multiOutbox: MultiOutbox | undefined;
  try {
    multiOutbox = assembleMultiOutbox(
      {
        tenants: listed.map(located),
        handlers: checkedHandlers(handlers).map((handler) => faults.counted(handler)),
        logger,
        owner: 'test',
        ...(strategy && { strategy }),
      },
      settings,
      { engine: faults.engine(engine), random: longest },
    );
    for (const { error } of await multiOutbox.migrate()) if (error) throw error;
  } catch (error) {
    await close();
    throw error;
  }
  const outbox = multiOutbox;

  function tenantOr(tenantId: string | undefined): string {
    if (tenantId !== undefined && typeof tenantId !== 'string')
      throw new MultiOutboxError(
        'INVALID_ARGUMENT',
        `The test outbox: a tenant's id must be text, got ${shownValue(tenantId)}.`,
      );
    const id = tenantId ?? located(listed[0] ?? 'test').id;
    if (tenantIdPattern.test(id) && existsSync(fileOf(id))) return id;
    throw new MultiOutboxError(
      'UNKNOWN_TENANT',
      `The test outbox has no tenant '${shownName(id)}'; name it in the 'tenants' of createTestOutbox, or add it.`,
      { tenantId: id },
    );
  }

  function database(tenantId?: string): DatabaseSync {
    const id = tenantOr(tenantId);
    const known = connections.get(id);
    if (known && isOpen(known)) return known;
    const connection = new DatabaseSync(fileOf(id));
    connections.set(id, connection);
    return connection;
  }

  const dispatch: MultiOutbox['dispatch'] = (request, given = {}) =>
    faults.during(propertyOf(request, 'tenantId') as string, (failed) => {
      if (failed === undefined) return outbox.dispatch(request, given);
      const signal = given.signal ? AbortSignal.any([given.signal, failed]) : failed;
      return outbox.dispatch(request, { ...given, signal });
    });

  /**
   * Repeats passes over the tenants until a pass settles no message: handlers may enqueue in other queues and other
   * tenants.
   */
  async function drain(tenantId?: string): Promise<Drained> {
    const runs: RunReport[] = [];
    const active = async () => (await outbox.tenants.list({ status: 'active' })).map(({ id }) => id);
    for (let settled = true; settled; ) {
      settled = false;
      for (const id of tenantId === undefined ? await active() : [tenantOr(tenantId)]) {
        const report = await dispatch({ tenantId: id });
        if (report.outcome === 'idle') continue;
        runs.push(report);
        settled ||= progress.some((name) => report.counts[name] > 0);
      }
    }
    return { runs, counts: runs.reduce((sum, { counts }) => addCounts(sum, counts), noCounts) };
  }

  /** Returns the id of the message. */
  async function store(handler: Handler, payload: unknown, options: RunHandlerOptions): Promise<string> {
    const { messageId, headers, correlationId, orderingKey } = options;
    const tenantId = tenantOr(options.tenantId);
    const message = {
      topic: handler.topic,
      payload,
      ...(headers && { headers }),
      ...(correlationId !== undefined && { correlationId }),
      ...(orderingKey !== undefined && { orderingKey }),
    };
    if (handler.queue === 'outbox') {
      const stored = await outbox
        .outbox(tenantId)
        .enqueue({ ...message, ...(messageId !== undefined && { messageId }) });
      return stored.messageId;
    }
    const source = options.source ?? handler.source ?? 'test';
    const received = { ...message, source, messageId: options.sourceMessageId ?? randomUUID() };
    return (await outbox.inbox(tenantId).receive(received)).messageId;
  }

  async function runHandler(
    handler: Handler,
    payload: unknown,
    options: RunHandlerOptions = {},
  ): Promise<HandlerOutcome> {
    const given = optionsOf('runHandler', options, runHandlerNames);
    signalOf('runHandler', given.signal);
    const [checked] = checkedHandlers([handler]) as [Handler];
    const tenant = await outbox.tenants.get(tenantOr(given.tenantId));
    const messageId = await store(checked, payload, given);
    const tenantDatabase = engine.openTenant(tenant);
    try {
      const scene = { database: tenantDatabase, tenant, settings, logger, random: longest };
      return await attemptOnce(scene, checked, messageId, given);
    } finally {
      await tenantDatabase.close();
    }
  }

  return {
    ...outbox,
    tenants: {
      ...outbox.tenants,
      async add(input) {
        const tenant = await outbox.tenants.add(located(input));
        await outbox.migrate({ tenants: [tenant.id] });
        return tenant;
      },
      change: (input, options) => outbox.tenants.change(located(input), options),
    },
    clock,
    dispatch,
    drain,
    failNextRun: (name, given = {}) => faults.ask(name, given, tenantOr),
    runHandler,
    enqueued(filter = {}) {
      const given = optionsOf('enqueued', filter, filterNames);
      return storedMessages(database(given.tenantId), given);
    },
    database,
    close,
    async [Symbol.asyncDispose]() {
      await close();
    },
  };
}

function tenantsOf(tenants: TestOutboxOptions['tenants'] & {}): readonly (string | TenantInput)[] {
  if (isList(tenants)) return tenants as readonly (string | TenantInput)[];
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    `createTestOutbox: 'tenants' must be a list of ids or of tenants, got ${shownValue(tenants)}.`,
  );
}

function isTenantId(id: unknown): boolean {
  return typeof id === 'string' && tenantIdPattern.test(id);
}

/** A random value of 1, with which jitter does not shorten a delay. */
const longest = () => 1;

function isOpen(connection: DatabaseSync): boolean {
  try {
    connection.prepare('SELECT 1');
    return true;
  } catch {
    return false;
  }
}
