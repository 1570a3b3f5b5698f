/** One call of a simulated process to a database, with everything that can go wrong on the way there and back. */
import { isMultiOutboxError, MultiOutboxError } from '../../../src/errors.ts';
import type { Fault } from '../faults.ts';
import { DatabaseCall, type TransactionEvents } from '../machine/database-call.ts';
import { SimulatedProcess } from '../machine/process.ts';
import type { World } from '../world.ts';

/** Milliseconds that a request or an answer travels: some calls overtake others. */
const travelMs = [0, 0, 1, 1, 2, 5];

export interface Call<T> extends TransactionEvents {
  /** The database that is called: a tenant's id, or `registry`. */
  readonly target: string;
  /** For the log, such as `outbox settle`. */
  readonly name: string;
  readonly perform: () => Promise<T>;
  /** Compares the answer with the models, in the same instant as the commit and in the order of the commits. Returns what to log. */
  readonly observe?: (result: T) => string;
  /** The answer is on its way, but does not arrive. */
  readonly onAnswerLost?: (result: T) => void;
  /** The call fails, before its commit or after it. */
  readonly onUnreachable?: () => void;
  /** Whether another run, plan or holder has by now what the call is about. Absent where there is nothing to take. */
  readonly isOvertaken?: (() => boolean) | undefined;
  /** The caller learns from an error that nothing was committed, so an answer is never lost. */
  readonly isReliable?: boolean;
  /** It belongs to a plan or a run, for whose end `close` waits (D5). Other calls may still be on their way, and are refused. */
  readonly isWork?: boolean;
  /** With `isOvertaken`: how long what the caller has lasts, in milliseconds. */
  readonly leaseMs?: number;
}

export class Caller {
  readonly #world: World;
  readonly #process: SimulatedProcess;
  /** The databases that the process cannot reach, while others can. */
  readonly #brokenLines = new Set<string>();

  constructor(world: World, process: SimulatedProcess) {
    this.#world = world;
    this.#process = process;
  }

  async call<T>(call: Call<T>): Promise<T> {
    const { target, name } = call;
    const { reachable } = this.#world;
    if (this.#process.hasClosed && call.isWork)
      this.#world.broken('D5 close', `${this.#process.name} has closed, and calls ${target} ${name}`);
    if (this.#strikes('has no file descriptors left', undefined))
      this.#world.exhaustDescriptors(this.#process);
    await this.#onTheWay('dies before a call', 'freezes before a call', 'call is slow', target);
    const { isOvertaken } = call;
    if (isOvertaken !== undefined && this.#strikes('freezes until it is overtaken', undefined)) {
      await this.untilOvertaken(isOvertaken);
    }
    if (!reachable.has(target)) throw this.#unreachable(call, 'is away');
    if (this.#brokenLines.has(target) && !this.#world.faults.isOver)
      throw this.#unreachable(call, 'has no line');
    if (this.#strikes('call fails', target)) throw this.#unreachable(call, 'failed');
    const access = new DatabaseCall(call);
    let result: T;
    try {
      result = await access.run(call.perform);
    } catch (error) {
      // In a dead process nothing happens any more.
      await this.#process.reached();
      // The process does not know yet that the database has moved: what it does meanwhile cannot be settled.
      if (isMultiOutboxError(error, 'DATABASE_MISSING')) this.#process.troubles++;
      this.#note(`${target} ${name}: ${errorLabel(error)}`);
      throw error;
    }
    await this.#world.time.turn(access.lastUse);
    const seen = this.#world.checked(() => call.observe?.(result) ?? '');
    this.#world.answered();
    this.#note(`${target} ${name}${seen === '' ? '' : `: ${seen}`}`);
    if (call.isReliable !== true) {
      const isAway = !reachable.has(target);
      if (isAway || this.#strikes('answer is lost', target)) {
        call.onAnswerLost?.(result);
        throw this.#unreachable(call, 'lost its answer');
      }
    }
    if (call.leaseMs !== undefined && this.#strikes('line breaks after a slow answer', target)) {
      await this.#losesItsLine(target, call.leaseMs);
      return result;
    }
    await this.#onTheWay('dies after a call', 'freezes after a call', 'answer is slow', target);
    return result;
  }

  /** The process freezes before its call is sent, and thaws as soon as another one has what the call is about. */
  async untilOvertaken(isOvertaken: () => boolean): Promise<void> {
    this.#world.freezeUntil(this.#process, isOvertaken);
    await this.#process.reached();
  }

  /** The last answer comes when much of the lease is over, and the process cannot reach the database after that. */
  async #losesItsLine(target: string, leaseMs: number): Promise<void> {
    const { random } = this.#world.faults;
    this.#brokenLines.add(target);
    this.#note(`cannot reach ${target} any more`);
    SimulatedProcess.outside(() => setTimeout(() => this.#brokenLines.delete(target), 4 * leaseMs));
    await this.#process.hears(random.between(0.3 * leaseMs, 0.95 * leaseMs));
  }

  async #onTheWay(dies: Fault, freezes: Fault, slow: Fault, target: string): Promise<void> {
    const { random } = this.#world;
    if (this.#strikes(dies, undefined)) this.#world.kill(this.#process);
    else if (this.#strikes(freezes, undefined)) this.#world.freeze(this.#process);
    await this.#process.reached();
    const late = this.#strikes(slow, target) ? this.#world.longMs() : 0;
    const ms = random.pick(travelMs) + late;
    // Each call reaches its database in an event of its own: nothing comes between a commit and the models.
    // A shorter one leaves time to write the outcomes before the lease runs out.
    if (late > this.#world.settings.dispatch.leaseMs / 3) this.#world.trouble(target, ms);
    if (ms > 0 || slow === 'call is slow') await this.#process.hears(ms);
  }

  /** A fault of the simulated process, and of the tenant that it called. */
  #strikes(fault: Fault, target: string | undefined): boolean {
    if (this.#process.isDead || !this.#world.faults.strikes(fault)) return false;
    this.#process.troubles++;
    if (target !== undefined) this.#world.trouble(target);
    return true;
  }

  #note(text: string): void {
    this.#world.journal.note(this.#process.name, text);
  }

  #unreachable(
    { target, name, onUnreachable }: Pick<Call<unknown>, 'target' | 'name' | 'onUnreachable'>,
    what: string,
  ): MultiOutboxError {
    this.#process.troubles++;
    this.#world.trouble(target);
    this.#note(`${target} ${name} ${what}`);
    onUnreachable?.();
    const code = target === 'registry' ? 'REGISTRY_UNAVAILABLE' : 'DATABASE_UNREACHABLE';
    return new MultiOutboxError(code, `the call to ${target} ${what}`, { transient: true });
  }
}

function errorLabel(error: unknown): string {
  return error instanceof MultiOutboxError ? error.code : `${error}`;
}
