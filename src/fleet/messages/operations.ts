/** Operations: an act on all messages that match, over many tenants, counted first, resumable, with its result kept. */
import { randomUUID } from 'node:crypto';
import type { MessageFilter } from '../../engine/message-search.ts';
import type {
  OperationProgress,
  OperationRecord,
  OperationState,
  TenantError,
} from '../../engine/operation-store.ts';
import type { Registry } from '../../engine/registry.ts';
import type { QueueName, WorkQueue } from '../../engine/work-queue.ts';
import { describeError, MultiOutboxError } from '../../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { actOnAll, filterOfAct } from './act-on-all.ts';
import { type ActDefinition, actOf } from './acts.ts';
import { type Audited, unknownOperation } from './audited.ts';
import { countAll } from './search.ts';
import { type MessageSelection, messageFilter, withoutPayloadText } from './selection.ts';

/** An operation with its progress; plain JSON. */
export interface Operation extends OperationProgress {
  readonly id: string;
  /**
   * `counted`: it has not begun. `running`: a process works on it, or did until it ended; `resume` goes on with it. `done`:
   * every tenant was tried; `resume` tries those in `failures` again. `cancelled`: an operator ended it.
   */
  readonly state: OperationState;
  /** Who created it. */
  readonly actor: string;
  readonly act: ActDefinition;
  readonly queue: QueueName;
  readonly filter: MessageSelection;
  /** Null for every tenant that is not retired. */
  readonly tenants: readonly string[] | null;
  /** How many messages matched when it was created, in the tenants that answered. */
  readonly counted: number;
  /** ISO text, by the registry's clock. */
  readonly createdUtc: string;
  readonly updatedUtc: string;
}

export interface OperationsAccess {
  readonly registry: () => Promise<Registry>;
  useQueue<T>(tenantId: string, queue: QueueName, action: (queue: WorkQueue) => Promise<T>): Promise<T>;
  wake(tenantId: string): Promise<void>;
  readonly audited: Audited;
}

export interface CountedTenants {
  readonly counted: number;
  /** The tenants that have matching messages. */
  readonly tenants: readonly { readonly tenantId: string; readonly count: number }[];
  readonly failures: readonly TenantError[];
}

const parallel = 8;
/** One count of a tenant; a count that ends early stands for as many or more. */
const countBounds = { examine: 1_000_000_000, timeoutMs: 60_000 };

/** Sorted, so that progress can name the last one that was tried. */
export async function tenantsOf(registry: Registry, tenants: readonly string[] | null): Promise<string[]> {
  if (tenants !== null) return [...new Set(tenants)].sort();
  return (await registry.list())
    .filter(({ status }) => status !== 'retired')
    .map(({ id }) => id)
    .sort();
}

/** Counts the messages that an act would change. A tenant's failure does not stop the others (D8). */
export async function countInTenants(
  access: Pick<OperationsAccess, 'useQueue'>,
  tenantIds: readonly string[],
  queue: QueueName,
  filter: MessageFilter,
  onTenant: (done: number, of: number) => void = () => {},
): Promise<CountedTenants> {
  const failures: TenantError[] = [];
  let done = 0;
  const counts = await inParallel(tenantIds, parallel, async (tenantId) => {
    try {
      return await access.useQueue(tenantId, queue, (opened) => countAll(opened, filter, countBounds));
    } catch (error) {
      failures.push({ tenantId, ...describeError(error) });
      return { count: 0 };
    } finally {
      onTenant(++done, tenantIds.length);
    }
  });
  const tenants = tenantIds
    .map((tenantId, index) => ({ tenantId, count: counts[index]!.count }))
    .filter(({ count }) => count > 0);
  return { counted: tenants.reduce((sum, { count }) => sum + count, 0), tenants, failures: sorted(failures) };
}

function sorted(failures: readonly TenantError[]): TenantError[] {
  return [...failures].sort((a, b) => (a.tenantId < b.tenantId ? -1 : 1));
}

const noProgress: OperationProgress = { changed: 0, tenantsDone: 0, lastTenant: null, failures: [] };

export async function createOperation(
  access: OperationsAccess,
  actor: string,
  id: string,
  request: {
    readonly act: ActDefinition;
    readonly filter: MessageSelection;
    readonly queue: QueueName;
    readonly tenants: readonly string[] | null;
  },
  onTenant: (done: number, of: number) => void,
): Promise<{ operation: Operation; counted: CountedTenants }> {
  const call = 'messages.operations.create';
  const { act, filter, queue, tenants } = request;
  const matching = filterOfAct(actOf(call, act), messageFilter(call, filter));
  const registry = await access.registry();
  const ids = await tenantsOf(registry, tenants);
  const counted = await countInTenants(access, ids, queue, matching, onTenant);
  const record = await registry.operations.create({
    id,
    actor,
    definition: { queue, act, filter, tenants: tenants === null ? null : ids },
    counted: counted.counted,
    progress: noProgress,
  });
  return { operation: operationOf(record), counted };
}

export interface ResumeOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (operation: Operation) => void;
}

/**
 * Works on an operation until every tenant was tried, the signal fires, another process takes it, or an operator cancels
 * it. @throws OPERATION_NOT_FOUND, OPERATION_CANCELLED, or the registry's error
 */
export async function runOperation(
  access: OperationsAccess,
  id: string,
  actor: string,
  { signal, onProgress = () => {} }: ResumeOptions,
): Promise<Operation> {
  const call = 'messages.operations.resume';
  const { operations } = await access.registry();
  const runner = randomUUID();
  const taken = await operations.take(id, runner);
  if (taken === null) {
    if ((await operations.get(id)) === null) throw unknownOperation(call, id);
    throw new MultiOutboxError(
      'OPERATION_CANCELLED',
      `${call}: operation '${id}' was cancelled; create another one.`,
    );
  }
  const { definition, progress } = taken;
  const selection = { act: definition.act, filter: withoutPayloadText(definition.filter as object) };
  const before = progress.changed;
  return access.audited(
    { actor, act: 'operation-resume', queue: definition.queue, operationId: id, selection },
    async () => {
      const run = new Run(access, operations, taken, runner, (record) => onProgress(operationOf(record)));
      await run.all(signal);
      return operationOf((await operations.get(id))!);
    },
    ({ changed }) => Math.max(0, changed - before),
  );
}

class Run {
  readonly #access: OperationsAccess;
  readonly #operations: Registry['operations'];
  readonly #record: OperationRecord;
  readonly #runner: string;
  readonly #onProgress: (record: OperationRecord) => void;
  readonly #failures: Map<string, TenantError>;
  #changed: number;
  #tenantsDone: number;
  #lastTenant: string | null;
  #isOurs = true;
  /** The last write of the progress, after which the next one begins. */
  #written: Promise<unknown> = Promise.resolve();

  constructor(
    access: OperationsAccess,
    operations: Registry['operations'],
    record: OperationRecord,
    runner: string,
    onProgress: (record: OperationRecord) => void,
  ) {
    this.#access = access;
    this.#operations = operations;
    this.#record = record;
    this.#runner = runner;
    this.#onProgress = onProgress;
    const { changed, tenantsDone, lastTenant, failures } = record.progress;
    this.#changed = changed;
    this.#tenantsDone = tenantsDone;
    this.#lastTenant = lastTenant;
    this.#failures = new Map(failures.map((failure) => [failure.tenantId, failure]));
  }

  async all(signal: AbortSignal | undefined): Promise<void> {
    const registry = await this.#access.registry();
    const ids = await tenantsOf(registry, this.#record.definition.tenants);
    const last = this.#lastTenant;
    const left = [...this.#failures.keys(), ...ids.filter((id) => last === null || id > last)];
    for (let from = 0; from < left.length; from += parallel) {
      if (signal?.aborted || !this.#isOurs) return;
      const group = left.slice(from, from + parallel);
      await inParallel(group, parallel, (tenantId) => this.#tenant(tenantId, signal));
      if (signal?.aborted || !this.#isOurs) return;
      for (const id of group) if (this.#lastTenant === null || id > this.#lastTenant) this.#lastTenant = id;
      await this.#write(false);
    }
    await this.#write(true);
  }

  async #tenant(tenantId: string, signal: AbortSignal | undefined): Promise<void> {
    const call = 'messages.operations.resume';
    const { queue, act, filter } = this.#record.definition;
    let changedHere = 0;
    try {
      await this.#access.useQueue(tenantId, queue, (opened) =>
        actOnAll(
          opened,
          actOf(call, act as ActDefinition),
          messageFilter(call, filter as MessageSelection),
          async (changed) => {
            changedHere += changed;
            this.#changed += changed;
            await this.#write(false);
            return this.#isOurs && !signal?.aborted;
          },
        ),
      );
      // An act that was stopped is not at its end: the tenant stays among those that are left.
      if (this.#isOurs && !signal?.aborted) {
        this.#failures.delete(tenantId);
        this.#tenantsDone++;
      }
    } catch (error) {
      this.#failures.set(tenantId, { tenantId, ...describeError(error) });
    }
    if (changedHere > 0) await this.#access.wake(tenantId);
  }

  /** Writes one after another, each with the progress as it is then, so that no earlier one comes last. */
  #write(isDone: boolean): Promise<void> {
    const written = this.#written.then(async () => {
      if (!this.#isOurs) return;
      const { id } = this.#record;
      const record = await this.#operations.progress(id, this.#runner, this.#progress(), isDone);
      if (record === null) this.#isOurs = false;
      else this.#onProgress(record);
    });
    this.#written = written.catch(() => {});
    return written;
  }

  #progress(): OperationProgress {
    return {
      changed: this.#changed,
      tenantsDone: this.#tenantsDone,
      lastTenant: this.#lastTenant,
      // Every tenant that failed must be kept, or the next runner would leave it out; only the texts are bounded.
      failures: sorted([...this.#failures.values()]).map((failure, index) =>
        index < 1_000 ? failure : { ...failure, message: '' },
      ),
    };
  }
}

export function operationOf({ definition, progress, ...record }: OperationRecord): Operation {
  const { id, state, actor, counted, createdUtc, updatedUtc } = record;
  return {
    id,
    state,
    actor,
    act: definition.act as ActDefinition,
    queue: definition.queue,
    filter: definition.filter as MessageSelection,
    tenants: definition.tenants,
    counted,
    ...progress,
    createdUtc: createdUtc.toISOString(),
    updatedUtc: updatedUtc.toISOString(),
  };
}
