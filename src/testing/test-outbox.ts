import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { RunCounts } from '../engine/registry.ts';
import { createSqliteEngine } from '../engine/sqlite/index.ts';
import { MultiOutboxError } from '../errors.ts';
import type { RunReport } from '../fleet/dispatch/run-report.ts';
import type { Strategy } from '../fleet/plan/strategy.ts';
import type { TenantInput } from '../fleet/tenants/definition.ts';
import { assembleMultiOutbox, type MultiOutbox } from '../multi-outbox.ts';
import type { Handler } from '../queue/handler.ts';
import { addCounts, noCounts } from '../queue/tally.ts';
import { loadSettings, type SettingsInput } from '../settings.ts';
import { type Logger, silentLogger } from '../telemetry/logger.ts';
import { createClock, type TestClock } from './clock.ts';
import { createFolder, removeFolder } from './folder.ts';
import { attemptOnce, type HandlerOutcome, type RunHandlerOptions } from './run-handler.ts';
import { type EnqueuedFilter, storedMessages, type TestMessage } from './stored.ts';

/** Settings of docs/configuration.md, and the parts that are code. Environment variables are not read. */
export interface TestOutboxOptions extends Omit<SettingsInput, 'registry' | 'handlersModule'> {
  readonly handlers?: readonly Handler[];
  /** Ids, or more of them than that; 'test' alone when absent. */
  readonly tenants?: readonly (string | Omit<TenantInput, 'server' | 'database' | 'auth'>)[];
  readonly strategy?: Strategy;
  /** Nothing is logged when absent. */
  readonly logger?: Logger;
  /** Where the clock starts; the machine's time when absent. */
  readonly now?: Date | number | string;
}

/** What `drain` did. */
export interface Drained {
  /** Every dispatch run that found something, in order. */
  readonly runs: readonly RunReport[];
  readonly counts: RunCounts;
}

/**
 * A multi-outbox on the embedded engine, to be used wherever your code takes one. The registry is in memory; tenants'
 * databases are files in a folder of their own, which `close` removes.
 */
export interface TestOutbox extends MultiOutbox {
  /** Of every database here: due times, retries, leases and retention go by it. */
  readonly clock: TestClock;
  /**
   * Dispatches all that is due by the clock, in one tenant or in all, and what handlers enqueue meanwhile, until nothing
   * is. What failed comes back when the clock is advanced by its delay: the longest that the jitter allows.
   */
  drain(tenantId?: string): Promise<Drained>;
  /**
   * Runs one handler for one message: stores it, claims it, calls the handler with a real context, and settles the
   * outcome. Handlers of this outbox do not take part.
   * @throws MultiOutboxError INVALID_MESSAGE, INVALID_ARGUMENT
   */
  runHandler(handler: Handler, payload: unknown, options?: RunHandlerOptions): Promise<HandlerOutcome>;
  /** The messages of one tenant's queue, settled ones as well, in the order they were stored. */
  enqueued(filter?: EnqueuedFilter): TestMessage[];
  /**
   * A connection to a tenant's database, as an application has one: for its own tables, and for transactions to enqueue in.
   * The same at every call; closed with the outbox. @throws MultiOutboxError UNKNOWN_TENANT
   */
  database(tenantId?: string): DatabaseSync;
}

/** Makes a test outbox; its databases are migrated. @throws MultiOutboxError as `createMultiOutbox` */
export async function createTestOutbox(options: TestOutboxOptions = {}): Promise<TestOutbox> {
  const { handlers = [], tenants = ['test'], strategy, logger = silentLogger, now, ...given } = options;
  const settings = loadSettings({ ...given, sqlite: { synchronous: 'normal', ...given.sqlite } }, {});
  const clock = createClock(now);
  const folder = createFolder();
  const fileOf = (tenantId: string) => path.join(folder, `${tenantId}.db`);
  const located = (tenant: string | TenantInput): TenantInput => {
    const input = typeof tenant === 'string' ? { id: tenant } : tenant;
    return { ...input, database: fileOf(input.id) };
  };
  const engine = createSqliteEngine({
    registry: ':memory:',
    ...settings.sqlite,
    clock: () => clock.now().getTime(),
  });
  const connections = new Map<string, DatabaseSync>();

  async function close(): Promise<void> {
    for (const connection of connections.values()) if (isOpen(connection)) connection.close();
    connections.clear();
    await multiOutbox?.close();
    await engine.close();
    removeFolder(folder);
  }

  let multiOutbox: MultiOutbox | undefined;
  try {
    multiOutbox = assembleMultiOutbox(
      { tenants: tenants.map(located), handlers, logger, owner: 'test', ...(strategy && { strategy }) },
      settings,
      { engine, random: longest },
    );
    for (const { error } of await multiOutbox.migrate()) if (error) throw error;
  } catch (error) {
    await close();
    throw error;
  }
  const outbox = multiOutbox;

  function tenantOr(tenantId: string | undefined): string {
    const id = tenantId ?? located(tenants[0] ?? 'test').id;
    if (existsSync(fileOf(id))) return id;
    throw new MultiOutboxError(
      'UNKNOWN_TENANT',
      `The test outbox has no tenant '${id}'; name it in the 'tenants' of createTestOutbox, or add it.`,
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

  /** Passes over the tenants until one finds nothing: handlers enqueue in other queues and other tenants. */
  async function drain(tenantId?: string): Promise<Drained> {
    const runs: RunReport[] = [];
    const active = async () => (await outbox.tenants.list({ status: 'active' })).map(({ id }) => id);
    for (let settled = true; settled; ) {
      settled = false;
      for (const id of tenantId === undefined ? await active() : [tenantOr(tenantId)]) {
        const report = await outbox.dispatch({ tenantId: id });
        if (report.outcome === 'idle') continue;
        runs.push(report);
        const { done, retried, dead } = report.counts;
        settled ||= done + retried + dead > 0;
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
    const tenant = await outbox.tenants.get(tenantOr(options.tenantId));
    const messageId = await store(handler, payload, options);
    const tenantDatabase = engine.openTenant(tenant);
    try {
      const scene = { database: tenantDatabase, tenant, settings, logger, random: longest };
      return await attemptOnce(scene, handler, messageId, options);
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
      change: (input) => outbox.tenants.change(located(input)),
    },
    clock,
    drain,
    runHandler,
    enqueued: (filter = {}) => storedMessages(database(filter.tenantId), filter),
    database,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Jitter takes nothing off a delay. */
const longest = () => 1;

function isOpen(connection: DatabaseSync): boolean {
  try {
    connection.prepare('SELECT 1');
    return true;
  } catch {
    return false;
  }
}
