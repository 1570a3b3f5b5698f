/** One process's work on an operation, tenant by tenant. */
import type { OperationProgress, OperationRecord, TenantError } from '../../engine/operation-store.ts';
import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { actOnAll } from './act-on-all.ts';
import { type ActDefinition, actOf } from './acts.ts';
import type { Audited } from './audited.ts';
import { sorted, type TenantQueues, tenantsAtOnce, tenantsOf } from './counted-tenants.ts';
import { type MessageSelection, messageFilter } from './selection.ts';

export interface OperationsAccess extends TenantQueues {
  readonly registry: () => Promise<Registry>;
  wake(tenantId: string): Promise<void>;
  readonly audited: Audited;
}

export interface RunWatch {
  readonly onProgress: (record: OperationRecord) => void;
  readonly onTenant: (tenant: { readonly tenantId: string; readonly changed: number }) => void;
}

export class OperationRun {
  readonly #access: OperationsAccess;
  readonly #operations: Registry['operations'];
  readonly #record: OperationRecord;
  readonly #runner: string;
  readonly #watch: RunWatch;
  readonly #before: number;
  readonly #takenAt = performance.now();
  readonly #failures: Map<string, TenantError>;
  #changed: number;
  #tenantsDone: number;
  #lastTenant: string | null;
  /** The tenants behind `lastTenant`, sorted. */
  readonly #ahead: string[] = [];
  readonly #triedAhead = new Set<string>();
  /** Rises with each change of the failures. */
  #failuresVersion = 0;
  /** The version of the failures that are stored. */
  #storedFailures = 0;
  #isOurs = true;
  /** The last write of the progress, after which the next one begins. */
  #written: Promise<unknown> = Promise.resolve();

  constructor(
    access: OperationsAccess,
    operations: Registry['operations'],
    record: OperationRecord,
    runner: string,
    watch: RunWatch,
  ) {
    this.#access = access;
    this.#operations = operations;
    this.#record = record;
    this.#runner = runner;
    this.#watch = watch;
    const { changed, tenantsDone, lastTenant, failures } = record.progress;
    this.#before = changed;
    this.#changed = changed;
    this.#tenantsDone = tenantsDone;
    this.#lastTenant = lastTenant;
    this.#failures = new Map(failures.map((failure) => [failure.tenantId, failure]));
  }

  /** How many messages this run changed. */
  get changed(): number {
    return this.#changed - this.#before;
  }

  /** False when another process has taken the operation, or it was cancelled. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  async all(signal: AbortSignal | undefined): Promise<void> {
    const registry = await this.#access.registry();
    const ids = await tenantsOf(registry, this.#record.definition.tenants);
    const last = this.#lastTenant;
    this.#ahead.push(...ids.filter((id) => last === null || id > last));
    // A tenant may have failed in a run that was stopped before it came to an earlier one.
    const ahead = new Set(this.#ahead);
    const again = [...this.#failures.keys()].filter((id) => !ahead.has(id));
    const left = [...again, ...this.#ahead];
    for (let from = 0; from < left.length; from += tenantsAtOnce) {
      if (signal?.aborted || !this.#isOurs) return;
      const group = left.slice(from, from + tenantsAtOnce);
      await inParallel(group, tenantsAtOnce, (tenantId) => this.#tenant(tenantId, signal));
      if (signal?.aborted || !this.#isOurs) return;
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
          () => this.#sinceCountMs(),
        ),
      );
      // An act that was stopped is not at its end: the tenant stays among those that are left.
      if (this.#isOurs && !signal?.aborted) this.#tried(tenantId, null);
    } catch (error) {
      this.#tried(tenantId, { tenantId, ...describeError(error) });
    }
    this.#watch.onTenant({ tenantId, changed: changedHere });
    if (changedHere > 0) await this.#access.wake(tenantId);
  }

  /**
   * Counts a tenant once, however often the operation is stopped and resumed: the tenants done are those up to
   * `lastTenant` that are not among the failures.
   */
  #tried(tenantId: string, failure: TenantError | null): void {
    const hadFailed = this.#failures.delete(tenantId);
    const isAgain = !this.#ahead.includes(tenantId);
    if (failure !== null) this.#failures.set(tenantId, failure);
    else if (isAgain) this.#tenantsDone++;
    if (hadFailed || failure !== null) this.#failuresVersion++;
    this.#triedAhead.add(tenantId);
    while (this.#triedAhead.has(this.#ahead[0]!)) {
      this.#lastTenant = this.#ahead.shift()!;
      if (!this.#failures.has(this.#lastTenant)) this.#tenantsDone++;
    }
  }

  /** Milliseconds since the count began. The registry's clock tells how long ago it was when this process took the operation. */
  #sinceCountMs(): number {
    const { createdUtc, updatedUtc, definition } = this.#record;
    const before = Math.max(0, updatedUtc.getTime() - createdUtc.getTime()) + definition.countingMs;
    return before + performance.now() - this.#takenAt;
  }

  /** Writes one after another, each with the progress as it is then, so that no earlier one comes last. */
  #write(isDone: boolean): Promise<void> {
    const written = this.#written.then(async () => {
      if (!this.#isOurs) return;
      const { id } = this.#record;
      const version = this.#failuresVersion;
      const areFailuresStored = version === this.#storedFailures;
      const record = await this.#operations.progress(id, this.#runner, this.#progress(), {
        isDone,
        areFailuresStored,
      });
      if (record === null) {
        this.#isOurs = false;
        return;
      }
      this.#storedFailures = version;
      this.#watch.onProgress(record);
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
