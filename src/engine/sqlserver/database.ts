/**
 * One database, as the rest of the engine calls it. It repeats procedure calls where that is safe, and its errors name
 * the tenant. Every call is one round trip.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type * as mssql from 'mssql';
import { MultiOutboxError } from '../../errors.ts';
import type { Driver } from './driver.ts';
import { probeError } from './driver-probe.ts';
import { type Classified, classify, explain, type Fate, failure, type Subject } from './errors.ts';
import { readJournal } from './journal.ts';
import { oldestUsable } from './migrations/steps.ts';
import type { Pooled, Pools } from './pools.ts';
import { isDoubtful, isRepeated, type RepeatOptions } from './repeat.ts';
import { isNotPrimary } from './server-errors.ts';
import { serverKey } from './server-name.ts';
import type { ConnectionTarget } from './target.ts';

/**
 * The type of a parameter. `text` is nvarchar(4000), whatever its column's length. With a shorter type the
 * server would silently cut a text that is too long, and the procedures could not refuse it.
 */
export interface ParameterType {
  readonly kind: 'text' | 'long-text' | 'int' | 'bigint' | 'real' | 'bit' | 'uuid';
}

export const longText: ParameterType = { kind: 'long-text' };
export const int: ParameterType = { kind: 'int' };
export const bigint: ParameterType = { kind: 'bigint' };
export const real: ParameterType = { kind: 'real' };
export const bit: ParameterType = { kind: 'bit' };
export const uuid: ParameterType = { kind: 'uuid' };
export const text: ParameterType = { kind: 'text' };

export type Parameters = Readonly<Record<string, readonly [ParameterType, string | number | boolean | null]>>;

export type Row = Readonly<Record<string, unknown>>;

export interface CallOptions extends RepeatOptions {
  /**
   * With `onLost: 'ask'`: the parameters that the repeated call adds, after each try that reached the server. `fate` is that of
   * the last try. Also a call that was refused may have been committed, if the procedure reads tables for its answer after its
   * commit: this read can meet a lock.
   */
  readonly again?: (fate: Exclude<Fate, 'unsent'>) => Parameters;
  /**
   * Whether the record sets that came before an error are the whole answer, because the procedure had committed before and
   * failed in work that may fail. The call then returns them. Default: an error fails the call.
   */
  readonly isAnswered?: (recordSets: readonly Row[][], error: unknown) => boolean;
}

const firstPauseMs = 50;

export class Database {
  readonly target: ConnectionTarget;
  readonly subject: Subject;
  readonly #pools: Pools;
  readonly #closing = new AbortController();

  constructor(pools: Pools, target: ConnectionTarget, tenantId: string | undefined) {
    this.#pools = pools;
    this.target = target;
    this.subject = { tenantId, database: `${serverKey(target)}/${target.database}` };
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  close(): void {
    this.#closing.abort();
  }

  assertOpen(): void {
    if (this.closed)
      throw failure(
        'CLOSED',
        this.subject,
        'the database was closed; close multi-outbox only after the last call, or create it again',
      );
  }

  procedure(name: string): string {
    return `[${this.target.schema}].[${name}]`;
  }

  /** Executes a procedure and returns its record sets. */
  async call(name: string, parameters: Parameters, options: CallOptions): Promise<Row[][]> {
    const startedAt = performance.now();
    let asked = false;
    let extra: Parameters = {};
    for (let tries = 1; ; tries++) {
      this.assertOpen();
      try {
        return await this.#attempt(({ driver, pool }) => {
          const request = new driver.Request(pool);
          bind(driver, request, { ...parameters, ...extra });
          const procedure = this.procedure(name);
          const { isAnswered } = options;
          return isAnswered ? executeInParts(request, procedure, isAnswered) : execute(request, procedure);
        });
      } catch (error) {
        const failed = error instanceof CallFailed ? error : null;
        if (failed === null) throw error;
        const { fate } = failed.classified;
        const progress = { tries, asked, elapsedMs: performance.now() - startedAt };
        if (this.closed || !isRepeated(failed.classified, progress, options)) {
          throw await this.#explained(failed, options.waitsFor);
        }
        if (isDoubtful(fate)) asked = true;
        if (fate !== 'unsent') extra = options.again?.(fate) ?? {};
        // The pause has full jitter, so that calls that failed together are not sent again together.
        await delay(Math.random() * firstPauseMs * 2 ** tries);
      }
    }
  }

  /** Runs `work`, which is not a procedure call, on a connection pool. It translates errors and repeats nothing. */
  async connected<T>(work: (pooled: Pooled) => Promise<T>): Promise<T> {
    this.assertOpen();
    return this.#attempt(work).catch((error: unknown) => {
      if (error instanceof CallFailed) throw explain(error.cause, error.classified, this.subject);
      throw error;
    });
  }

  /**
   * Closes the pool after an error which says that the pool's server is no longer the primary. `connected` does this for
   * the errors that `work` throws.
   */
  leaveIfNotPrimary(error: unknown, used: Pooled): void {
    if (isNotPrimary(error)) this.#pools.renew(this.target, used);
  }

  /** When an object is missing and the database has an older schema, the error is SCHEMA_OUTDATED. */
  async #explained({ cause, classified }: CallFailed, waitsFor?: string): Promise<MultiOutboxError> {
    if (classified.waited === true && waitsFor !== undefined) {
      return explain(cause, { ...classified, advice: waitsFor }, this.subject);
    }
    if (classified.code !== 'SCHEMA_MISSING') return explain(cause, classified, this.subject);
    const least = oldestUsable[this.subject.tenantId === undefined ? 'registry' : 'tenant'];
    const version = await this.connected(async ({ driver, pool }) => {
      const journal = await readJournal(new driver.Request(pool), this.target.schema);
      return journal.at(-1)?.Version ?? 0;
    }).catch(() => 0);
    if (version === 0 || version >= least) return explain(cause, classified, this.subject);
    const advice = `the schema is at version ${version}, but this program needs ${least} or later`;
    return explain(cause, { ...classified, code: 'SCHEMA_OUTDATED', advice }, this.subject);
  }

  async #attempt<T>(work: (pooled: Pooled) => Promise<T>): Promise<T> {
    let used: Pooled | undefined;
    try {
      return await this.#pools.use(this.target, (pooled) => {
        used = pooled;
        return work(pooled);
      });
    } catch (error) {
      const own = error instanceof MultiOutboxError ? error : probeError(error);
      if (own !== null) throw this.#ours(own);
      // When the pool could not open a connection, the request was not sent.
      const isSent = used !== undefined && !isConnectionError(error);
      if (used !== undefined) this.leaveIfNotPrimary(error, used);
      throw new CallFailed(classify(error, isSent ? 'calling' : 'connecting'), error);
    }
  }

  /** Adds the tenant to an error of the pools. */
  #ours(error: MultiOutboxError): MultiOutboxError {
    return error.tenantId === undefined && this.subject.tenantId !== undefined
      ? new MultiOutboxError(error.code, error.message, { tenantId: this.subject.tenantId, cause: error })
      : error;
  }
}

/** A failed try, which may be repeated. */
class CallFailed extends Error {
  readonly classified: Classified;
  override readonly cause: unknown;

  constructor(classified: Classified, cause: unknown) {
    super(classified.advice);
    this.classified = classified;
    this.cause = cause;
  }
}

function isConnectionError(error: unknown): boolean {
  const { name } = (error ?? {}) as { name?: string };
  return name === 'ConnectionError' || name === 'TimeoutError';
}

/** The most characters of an nvarchar that is not nvarchar(max). */
const widestText = 4_000;

export function bind(driver: Driver, request: mssql.Request, parameters: Parameters): void {
  for (const [name, [type, value]] of Object.entries(parameters)) {
    request.input(name, driverType(driver, type, value), value);
  }
}

function driverType(driver: Driver, type: ParameterType, value: unknown): mssql.ISqlType {
  switch (type.kind) {
    case 'text':
      return driver.NVarChar(String(value ?? '').length > widestText ? driver.MAX : widestText);
    case 'long-text':
      return driver.NVarChar(driver.MAX);
    case 'int':
      return driver.Int();
    case 'bigint':
      return driver.BigInt();
    case 'real':
      return driver.Float();
    case 'bit':
      return driver.Bit();
    case 'uuid':
      return driver.UniqueIdentifier();
  }
}

export async function execute(request: mssql.Request, procedure: string): Promise<Row[][]> {
  const result = await request.execute(procedure);
  return result.recordsets as unknown as Row[][];
}

/** Executes a procedure; an error after its answer does not lose the answer. */
async function executeInParts(
  request: mssql.Request,
  procedure: string,
  isAnswered: NonNullable<CallOptions['isAnswered']>,
): Promise<Row[][]> {
  const recordSets: Row[][] = [];
  const errors: unknown[] = [];
  // The driver drops what came before an error, unless it hands over each row as it comes. It then never rejects.
  request.stream = true;
  request.on('recordset', () => recordSets.push([]));
  request.on('row', (row: Row) => recordSets.at(-1)!.push(row));
  request.on('error', (error: unknown) => errors.push(error));
  await request.execute(procedure);
  if (errors.length > 0 && !isAnswered(recordSets, errors.at(-1))) throw errors.at(-1);
  return recordSets;
}
