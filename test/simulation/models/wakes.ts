/** Whether the wakes of applications follow what they have stored (F7). */
import type { SimulatedProcess } from '../machine/process.ts';
import { Violation } from '../violation.ts';

/** A wake before the commit is lost: a run may find nothing, and the message then waits for the next look at its tenant. */
export class WakesOfApplications {
  /** By process, and tenant: how many wakes may come, because of what was stored. Other processes wake for other reasons as well. */
  readonly #due = new Map<SimulatedProcess, Map<string, number>>();

  /** An application begins, which only stores messages. */
  began(application: SimulatedProcess): void {
    this.#due.set(application, new Map());
  }

  /** It has committed messages of the tenant, or is about to in a call of its own; one wake may follow. */
  stores(application: SimulatedProcess, tenantId: string): void {
    this.#add(application, tenantId, 1);
  }

  /** @throws Violation when the wake has no reason */
  called(process: SimulatedProcess, tenantIds: readonly string[]): void {
    const due = this.#due.get(process);
    if (due === undefined) return;
    for (const id of tenantIds) {
      if ((due.get(id) ?? 0) === 0)
        throw new Violation('F7 wake', `${process.name} wakes ${id} before it has committed a message`);
      this.#add(process, id, -1);
    }
  }

  /** It will be repeated. */
  failed(process: SimulatedProcess, tenantIds: readonly string[]): void {
    for (const id of tenantIds) this.#add(process, id, 1);
  }

  #add(process: SimulatedProcess, tenantId: string, count: number): void {
    const due = this.#due.get(process);
    due?.set(tenantId, (due.get(tenantId) ?? 0) + count);
  }
}
