/** One process's work on an operation, tenant by tenant. */
import type {
  OperationProgress,
  OperationRecord,
  OperationStore,
  TenantError,
} from '../../engine/operation-store.ts';
import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { sorted, tenantsAtOnce, tenantsOf } from '../messages/counted-tenants.ts';
import type { Work } from './work.ts';

export interface RunWatch {
  readonly onProgress: (record: OperationRecord) => void;
  readonly onTenant: (tenant: { readonly tenantId: string; readonly changed: number }) => void;
}

/** So many failures keep their texts; of the others only the tenants and the codes are stored. */
const mostTexts = 1_000;

export class OperationRun {
  readonly #operations: OperationStore;
  readonly #record: OperationRecord;
  readonly #runner: string;
  readonly #work: Work;
  readonly #watch: RunWatch;
  readonly #before: number;
  readonly #failures: Map<string, TenantError>;
  #changed: number;
  #tenantsDone: number;
  #lastTenant: string | null;
  /** The tenants behind `lastTenant`, sorted, and how many of them were tried without a gap. */
  #ahead: readonly string[] = [];
  #passed = 0;
  readonly #triedAhead = new Set<string>();
  /** The tenants that failed before, and are not ahead. */
  #again: ReadonlySet<string> = new Set();
  /** As `progress` has them; null when they have changed since. */
  #listedFailures: readonly TenantError[] | null = null;
  /** The list of failures that is stored. */
  #storedFailures: readonly TenantError[];
  #isUnwritten = false;
  #isOurs = true;
  /** The last write of the progress, after which the next one begins. */
  #written: Promise<unknown> = Promise.resolve();

  constructor(
    operations: OperationStore,
    record: OperationRecord,
    runner: string,
    work: Work,
    watch: RunWatch,
  ) {
    this.#operations = operations;
    this.#record = record;
    this.#runner = runner;
    this.#work = work;
    this.#watch = watch;
    const { changed, tenantsDone, lastTenant, failures } = record.progress;
    this.#before = changed;
    this.#changed = changed;
    this.#tenantsDone = tenantsDone;
    this.#lastTenant = lastTenant;
    this.#failures = new Map(failures.map((failure) => [failure.tenantId, failure]));
    this.#listedFailures = failures;
    this.#storedFailures = failures;
  }

  /** How many messages, or tenants, this run changed. */
  get changed(): number {
    return this.#changed - this.#before;
  }

  /** False when another process has taken the operation, or it was cancelled. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** @throws the registry's error; what was done until then is stored, unless the registry cannot */
  async all(registry: Pick<Registry, 'list'>, signal: AbortSignal | undefined): Promise<void> {
    const ids = await tenantsOf(registry, this.#record.targets.tenants);
    const last = this.#lastTenant;
    this.#ahead = last === null ? ids : ids.filter((id) => id > last);
    // A tenant may have failed in a run that was stopped before it came to an earlier one.
    const ahead = new Set(this.#ahead);
    this.#again = new Set([...this.#failures.keys()].filter((id) => !ahead.has(id)));
    const left = [...this.#again, ...this.#ahead];
    const { tenantsPerWrite } = this.#work;
    for (let from = 0; from < left.length; from += tenantsPerWrite) {
      await this.#group(left.slice(from, from + tenantsPerWrite), signal);
      if (signal?.aborted || !this.#isOurs) {
        if (this.#isUnwritten) await this.#write(false);
        return;
      }
      await this.#write(false);
    }
    await this.#write(true);
  }

  /** Tries some tenants. An error that is not one tenant's is thrown when those that are under way have ended. */
  async #group(tenantIds: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const errors: unknown[] = [];
    await inParallel(tenantIds, tenantsAtOnce, async (tenantId) => {
      if (signal?.aborted || !this.#isOurs || errors.length > 0) return;
      try {
        await this.#tenant(tenantId, signal);
      } catch (error) {
        errors.push(error);
      }
    });
    if (errors.length === 0) return;
    if (this.#isUnwritten) await this.#write(false).catch(() => {});
    throw errors[0];
  }

  async #tenant(tenantId: string, signal: AbortSignal | undefined): Promise<void> {
    let changedHere = 0;
    let isStopped = false;
    let registryError: unknown;
    const step = {
      changed: (count: number) => {
        changedHere += count;
        this.#changed += count;
        this.#isUnwritten = true;
      },
      store: async () => {
        await this.#write(false).catch((error) => {
          registryError = error;
          throw error;
        });
        isStopped = !this.#isOurs || signal?.aborted === true;
        return !isStopped;
      },
    };
    try {
      await this.#work.on(tenantId, step);
      // What was stopped is not at its end: the tenant stays among those that are left.
      if (!isStopped) this.#tried(tenantId, null);
    } catch (error) {
      if (error === registryError || !this.#work.isOfOneTenant(error)) throw error;
      this.#tried(tenantId, { tenantId, ...describeError(error) });
    }
    this.#watch.onTenant({ tenantId, changed: changedHere });
  }

  /**
   * Counts a tenant once, however often the operation is stopped and resumed: the tenants done are those up to
   * `lastTenant` that are not among the failures.
   */
  #tried(tenantId: string, failure: TenantError | null): void {
    const hadFailed = this.#failures.delete(tenantId);
    if (failure !== null) this.#failures.set(tenantId, failure);
    else if (this.#again.has(tenantId)) this.#tenantsDone++;
    if (hadFailed || failure !== null) this.#listedFailures = null;
    this.#triedAhead.add(tenantId);
    while (this.#triedAhead.has(this.#ahead[this.#passed]!)) {
      this.#lastTenant = this.#ahead[this.#passed++]!;
      if (!this.#failures.has(this.#lastTenant)) this.#tenantsDone++;
    }
    this.#isUnwritten = true;
  }

  /** Writes one after another, each with the progress as it is then, so that no earlier one comes last. */
  #write(isDone: boolean): Promise<void> {
    const written = this.#written.then(async () => {
      if (!this.#isOurs) return;
      const progress = this.#progress();
      const areFailuresStored = progress.failures === this.#storedFailures;
      this.#isUnwritten = false;
      const { id } = this.#record;
      const outline = await this.#operations.progress(id, this.#runner, progress, {
        isDone,
        areFailuresStored,
      });
      if (outline === null) {
        this.#isOurs = false;
        return;
      }
      this.#storedFailures = progress.failures;
      this.#watch.onProgress({ ...outline, targets: this.#record.targets, progress });
    });
    this.#written = written.catch(() => {
      this.#isUnwritten = true;
    });
    return written;
  }

  #progress(): OperationProgress {
    // Every tenant that failed must be kept, or the next runner would leave it out; only the texts are bounded.
    this.#listedFailures ??= sorted([...this.#failures.values()]).map((failure, index) =>
      index < mostTexts ? failure : { ...failure, message: '' },
    );
    return {
      changed: this.#changed,
      tenantsDone: this.#tenantsDone,
      lastTenant: this.#lastTenant,
      failures: this.#listedFailures,
    };
  }
}
