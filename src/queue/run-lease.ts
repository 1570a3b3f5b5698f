import { type BeginResult, queueLeaseName, type SettleResult, type WorkQueue } from '../engine/work-queue.ts';
import { Heartbeat } from '../lease/heartbeat.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { RunState } from './next-call.ts';

export interface RunLeaseOptions {
  readonly queue: WorkQueue['name'];
  readonly begun: Extract<BeginResult, { status: 'claimed' }>;
  /** When the call that acquired it was sent, by `performance.now()`. */
  readonly sentAt: number;
  readonly durationMs: number;
  readonly logger: Logger;
  readonly random: () => number;
  readonly onRenewalDue: () => void;
  /** Called once, with a MultiOutboxError LEASE_LOST: nothing may be started any more, and running handlers must stop. */
  readonly onLost: (reason: unknown) => void;
}

/**
 * The lease of one dispatch run (L4). Every call of the run renews it; its heartbeat asks for a call when none has come
 * for long. It is lost when the engine says that another run has taken it, or when its time is up. In the second case
 * outcomes are still worth a try: a lease that no other run took since is as good as held (L3).
 */
export class RunLease {
  readonly ref: RunLeaseOptions['begun']['lease'];
  readonly #heartbeat: Heartbeat;
  #state: RunState['lease'] = 'held';
  /** Set while the heartbeat waits for a renewal. */
  #renewal: ((expiresInMs: number | null) => void) | undefined;

  constructor({ queue, begun, sentAt, durationMs, logger, random, onRenewalDue, onLost }: RunLeaseOptions) {
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
      onError: () => logger.warn('The lease could not be renewed; trying again.'),
      random,
    });
    const { signal } = this.#heartbeat;
    signal.addEventListener('abort', () => onLost(signal.reason), { once: true });
  }

  get state(): RunState['lease'] {
    return this.#state;
  }

  get renewalDue(): boolean {
    return this.#renewal !== undefined;
  }

  /** Milliseconds until its time is up, by this process's clock; 0 or less afterwards. */
  get remainingMs(): number {
    return this.#heartbeat.remainingMs;
  }

  /** Loses the lease once its time is up: after a standstill that is noticed here before any timer has its turn. */
  check(): void {
    if (this.remainingMs > 0) return;
    this.#renewal = undefined;
    this.#heartbeat.lose('its time is up');
  }

  /** Takes in what a call that was sent at `sentAt` has said. */
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
    this.#renewal = undefined;
  }
}
