/**
 * Tells whether a database was restored between two calls of a run (Q8). Each call stores an id of its own with the
 * lease, and the next one looks for it. If it is there, every call of the run so far is in the database's history: then
 * all that the run has claimed it has claimed from this history, in which no two messages have the same sequence. A
 * database that was restored to a time before the run's last call has another id.
 *
 * What happened between the run's last call and a restore claims nothing for the run. So it does no harm if a restore
 * has undone that and nothing else, and leaves the id.
 */
import type { LeaseRef } from '../../lease-store.ts';
import type { Connection } from '../connection.ts';
import { releaseLeaseSince, renewLeaseSince } from '../lease-store.ts';

/** The last committed call of a run, in this process. */
interface LastCall {
  readonly acquisitionId: string;
  readonly callId: number;
}

let lastCallId = 0;

/** No two calls of a process have the same one. Other processes have other acquisitions. */
export function nextCallId(): number {
  return ++lastCallId;
}

/** The calls of the run that has begun last. */
export class RunCalls {
  /** Absent before a run has begun, and once the database does not have the run's last call. */
  #last: LastCall | undefined;
  #isChanged = false;

  /** For a transaction, which may be rolled back: a call counts only when it has been committed. */
  copy(): RunCalls {
    const copy = new RunCalls();
    copy.#last = this.#last;
    return copy;
  }

  /** Whether a call of the run was added since this copy was made. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  began({ acquisitionId }: LeaseRef, callId: number): void {
    this.#change({ acquisitionId, callId });
  }

  /** Renews the lease, if the run's last call is in the database. Returns false if it is not, or is not known. */
  renew(connection: Connection, lease: LeaseRef, now: number, durationMs: number): boolean {
    const since = this.#since(lease);
    if (since === undefined) return false;
    const callId = nextCallId();
    const isDone = renewLeaseSince(connection, lease, now, durationMs, { since, callId });
    this.#change(isDone ? { acquisitionId: lease.acquisitionId, callId } : undefined);
    return isDone;
  }

  /** As `renew`, and releases the lease instead. */
  release(connection: Connection, lease: LeaseRef): boolean {
    const since = this.#since(lease);
    if (since === undefined) return false;
    this.#change(undefined);
    return releaseLeaseSince(connection, lease, since);
  }

  #change(last: LastCall | undefined): void {
    this.#last = last;
    this.#isChanged = true;
  }

  #since({ acquisitionId }: LeaseRef): number | undefined {
    return this.#last?.acquisitionId === acquisitionId ? this.#last.callId : undefined;
  }
}
