import { type BeginResult, queueLeaseName, type SettleResult, type WorkQueue } from '../engine/work-queue.ts';
import { Heartbeat } from '../lease/heartbeat.ts';
import type { RunState } from './next-call.ts';

export interface RunLeaseOptions {
  readonly queue: WorkQueue['name'];
  readonly begun: Extract<BeginResult, { status: 'claimed' }>;
  /** When the call that acquired the lease was sent, by `performance.now()`. */
  readonly sentAt: number;
  readonly durationMs: number;
  readonly random: () => number;
  readonly onRenewalDue: () => void;
  /**
   * Called once, with a MultiOutboxError LEASE_LOST: from then on no handler may start, and running handlers must
   * stop.
   */
  readonly onLost: (reason: unknown) => void;
}

/**
 * The lease of one dispatch run (L4). Every call of the run renews it; when the run makes no call for a third of the
 * lease's duration, the heartbeat asks for one. The lease is lost when the engine reports that another run has taken
 * it, or when it has run out. In the second case the run still sends its outcomes, because they are accepted if no
 * other run has taken the lease since (L3).
 */
export class RunLease {
  readonly ref: RunLeaseOptions['begun']['lease'];
  readonly #heartbeat: Heartbeat;
  #state: RunState['lease'] = 'held';
  /** Set while the heartbeat waits for a renewal. */
  #renewal: ((expiresInMs: number | null) => void) | undefined;

  constructor({ queue, begun, sentAt, durationMs, random, onRenewalDue, onLost }: RunLeaseOptions) {
    this.ref = begun.lease;
    this.#heartbeat = new Heartbeat({
      name: queueLeaseName(queue),
      durationMs,
      expiresInMs: begun.expiresInMs,
      sentAt,
      renew: () =>
        new Promise((resolve) => {
          this.#renewal = resolve;
          onRenewalDue();
        }),
      random,
    });
    const { signal } = this.#heartbeat;
    signal.addEventListener('abort', () => onLost(signal.reason));
  }

  get state(): RunState['lease'] {
    return this.#state;
  }

  get renewalDue(): boolean {
    return this.#renewal !== undefined;
  }

  /** Milliseconds until the lease runs out, by this process's clock; 0 or less afterwards. */
  get remainingMs(): number {
    return this.#heartbeat.remainingMs;
  }

  /**
   * Loses the lease if it has run out. After the event loop was blocked, this check runs before the timers
   * fire.
   * @param now by `performance.now()`
   */
  check(now: number): void {
    if (this.#heartbeat.remainingAt(now) > 0) return;
    this.#renewal = undefined;
    this.#heartbeat.lose('it ran out before it could be renewed');
  }

  /** Records the answer to a call that was sent at `sentAt`. */
  answered({ lease, expiresInMs }: SettleResult, sentAt: number): void {
    const renewal = this.#renewal;
    this.#renewal = undefined;
    if (lease === 'renewed') {
      this.#heartbeat.extended(expiresInMs, sentAt);
      renewal?.(expiresInMs);
    } else if (lease === 'released') {
      this.#state = 'released';
      this.stop();
    } else {
      this.#state = 'taken';
      this.#heartbeat.lose('another run has taken it');
    }
  }

  /** Ends the heartbeat. Idempotent. */
  stop(): void {
    this.#heartbeat.stop();
  }
}
