/** Failures that a test asks for by name. They happen to the real engine, at a moment that the test chooses. */
import type { Engine, TenantDatabase } from '../engine/engine.ts';
import type { LeaseRef } from '../engine/lease-store.ts';
import { queueLeaseName, type WorkQueue } from '../engine/work-queue.ts';
import { MultiOutboxError, shownValue } from '../errors.ts';
import { type NamesOf, optionsOf } from '../options.ts';
import type { Handler } from '../queue/handler.ts';

/**
 * - `lease lost`: another host takes the queue's lease, gives the messages back and releases it, as if this host had been
 *   frozen for longer than the lease lasts.
 * - `database unreachable`: every further call of the run to the tenant's queue fails. The lease stays taken until it runs
 *   out by the test's clock. For the messages it is the same when a process is killed. A run that has outcomes to write tries
 *   until its lease has run out in real time; so give the outbox a short one, such as `dispatch: { leaseMs: 500 }`.
 * - `shutdown`: the run's signal fires, as when its host stops.
 */
export const faultNames = ['lease lost', 'database unreachable', 'shutdown'] as const;
export type FaultName = (typeof faultNames)[number];

export interface FaultOptions {
  /** Default: the first tenant. */
  readonly tenantId?: string;
  /** How many of the run's handlers end before it happens: 0 or more. Default: 0, when the run begins. */
  readonly after?: number;
}

const optionNames: NamesOf<FaultOptions> = { tenantId: true, after: true };

interface Fault {
  readonly name: FaultName;
  /** How many handlers must still end before it happens. */
  left: number;
  hasHappened: boolean;
  readonly stop: AbortController;
}

export class Faults {
  readonly #byTenant = new Map<string, Fault>();
  /** The databases as the engine opened them last. */
  readonly #databases = new Map<string, TenantDatabase>();

  /** @throws MultiOutboxError INVALID_ARGUMENT */
  ask(name: FaultName, given: FaultOptions, tenantOr: (tenantId: string | undefined) => string): void {
    const { tenantId, after = 0 } = optionsOf('failNextRun', given, optionNames);
    if (!faultNames.includes(name))
      throw invalid(`${shownValue(name)} is not a failure; known are '${faultNames.join("', '")}'`);
    if (!Number.isInteger(after) || after < 0)
      throw invalid(`'after' is ${shownValue(after)}; it must be a whole number from 0 on`);
    const fault: Fault = { name, left: after, hasHappened: false, stop: new AbortController() };
    this.#byTenant.set(tenantOr(tenantId), fault);
    if (name === 'shutdown' && after === 0) stop(fault);
  }

  /** Runs `run`, which gets the signal of the failure `shutdown`. A failure that has happened in it is over then. */
  async during<T>(tenantId: string, run: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    try {
      return await run(this.#byTenant.get(tenantId)?.stop.signal);
    } finally {
      if (this.#byTenant.get(tenantId)?.hasHappened) this.#byTenant.delete(tenantId);
    }
  }

  /** The handler, whose ends count. */
  counted(handler: Handler): Handler {
    const { handle, queue } = handler;
    const counting: Handler['handle'] = async (message, context) => {
      try {
        return await handle.call(handler, message, context);
      } finally {
        const fault = this.#byTenant.get(context.tenant.id);
        if (fault !== undefined && !fault.hasHappened && --fault.left <= 0)
          await this.#happen(fault, context.tenant.id, queue);
      }
    };
    return { ...handler, handle: counting };
  }

  /** The engine, whose calls fail when the test has asked for it. */
  engine(engine: Engine): Engine {
    return replacing(engine, {
      openTenant: (address) => {
        const database = engine.openTenant(address);
        this.#databases.set(address.id, database);
        return replacing(database, { queue: (name) => this.#queue(address.id, database.queue(name)) });
      },
    });
  }

  #queue(tenantId: string, queue: WorkQueue): WorkQueue {
    const call = async <T>(made: () => Promise<T>): Promise<T> => {
      const fault = this.#byTenant.get(tenantId);
      if (fault?.name === 'database unreachable' && fault.left <= 0) {
        fault.hasHappened = true;
        throw new MultiOutboxError(
          'DATABASE_UNREACHABLE',
          `tenant '${tenantId}': the test asked for the failure 'database unreachable'`,
          { tenantId, transient: true },
        );
      }
      return made();
    };
    return replacing(queue, {
      begin: (request) =>
        call(async () => {
          const begun = await queue.begin(request);
          const fault = this.#byTenant.get(tenantId);
          if (fault?.name === 'lease lost' && fault.left <= 0 && !fault.hasHappened)
            await this.#happen(fault, tenantId, queue.name);
          return begun;
        }),
      settle: (request) => call(() => queue.settle(request)),
      transact: (request, work) => call(() => queue.transact(request, work)),
    });
  }

  async #happen(fault: Fault, tenantId: string, queue: WorkQueue['name']): Promise<void> {
    if (fault.name === 'shutdown') stop(fault);
    fault.hasHappened = true;
    if (fault.name === 'lease lost') await takeOver(this.#databases.get(tenantId)!, queue);
  }
}

function stop(fault: Fault): void {
  fault.hasHappened = true;
  fault.stop.abort(new MultiOutboxError('ABORTED', "The test asked for the failure 'shutdown'."));
}

/** Another host's run: it takes the lease under a newer fence, gives every message back, and ends. */
async function takeOver(database: TenantDatabase, name: WorkQueue['name']): Promise<void> {
  const queue = database.queue(name);
  const held = (await database.leases.list()).find(
    (lease) => lease.name === queueLeaseName(name) && lease.held,
  );
  if (held !== undefined) await database.leases.release(held as LeaseRef);
  const leaseMs = 60_000;
  const claim = { limit: 1, maxBytes: 1 };
  const begun = await queue.begin({ owner: 'another host', durationMs: leaseMs, claim });
  if (begun.status !== 'claimed') return;
  await queue.settle({
    lease: begun.lease,
    leaseMs,
    outcomes: begun.messages.map(({ sequence, messageId }) => ({
      sequence,
      messageId,
      kind: 'release',
      delayMs: 0,
    })),
    onDead: 'block',
    // biome-ignore lint/suspicious/noThenProperty: the engine's word
    then: { do: 'release-lease' },
  });
}

/** The object with some methods replaced. Its others run on the object itself, because it has private fields. */
function replacing<T extends object>(target: T, replaced: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(replaced, name)) return replaced[name as keyof T];
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function invalid(problem: string): MultiOutboxError {
  return new MultiOutboxError('INVALID_ARGUMENT', `failNextRun: ${problem}.`);
}
