/** A model of one lease (L1 to L3). */
import type { LeaseRef } from '../../../src/engine/lease-store.ts';
import type { DatabaseClock } from '../machine/databases.ts';
import { Violation } from '../violation.ts';

export interface LeaseModelOptions {
  readonly databaseNow: () => number;
  readonly clock: () => DatabaseClock;
  /** Calls the check a little later, when every timer of this instant has fired. */
  readonly soon: (check: () => void) => void;
}

/** One acquisition. The owner is null when it was released at once. */
export type Acquisition = Omit<LeaseRef, 'name'>;

export class LeaseModel {
  readonly #label: string;
  readonly #options: LeaseModelOptions;
  owner: string | null = null;
  /** The last fence that is known; acquisitions that found nothing to do may have raised it since. */
  fence = 0;
  acquisitionId: string | null = null;
  /** Acquisitions that ended in a way that their holders could not expect: they may not know it yet. */
  readonly #surprised = new Set<string>();
  /** Whether the holder of the last acquisition believes that it has the lease. */
  #belief: (() => boolean) | undefined;
  #expiresAt = 0;
  /** The clock's steps when the end was set. */
  #steps = 0;

  constructor(label: string, options: LeaseModelOptions) {
    this.#label = label;
    this.#options = options;
  }

  copy(): LeaseModel {
    const copy = new LeaseModel(this.#label, this.#options);
    copy.owner = this.owner;
    copy.fence = this.fence;
    copy.acquisitionId = this.acquisitionId;
    copy.#expiresAt = this.#expiresAt;
    copy.#steps = this.#steps;
    for (const acquisition of this.#surprised) copy.#surprised.add(acquisition);
    return copy;
  }

  /** The lease is taken: it must be free, have run out, or be this owner's. */
  acquired(lease: Acquisition, expiresInMs: number): void {
    const isFree = this.owner === null || this.owner === lease.owner || this.hasRunOut;
    if (!isFree) this.#broken('L2 acquire', `${lease.owner} took the lease, which ${this.owner} still had`);
    if (lease.fence <= this.fence)
      this.#broken('L2 fence', `fence ${lease.fence} was given after ${this.fence}`);
    if (this.isClockChanged) this.surpriseHolder();
    this.#checkBelief();
    this.owner = lease.owner;
    this.fence = lease.fence;
    this.acquisitionId = lease.acquisitionId;
    this.renewed(expiresInMs);
  }

  /** The holder of this fence says whether it believes that it still has the lease: that its signal has not fired. */
  believes(fence: number, belief: () => boolean): void {
    if (fence === this.fence) this.#belief = belief;
  }

  /** When another owner gets the lease, the last one must know that it has lost it (L4). */
  #checkBelief(): void {
    const belief = this.#belief;
    const { acquisitionId, owner } = this;
    this.#belief = undefined;
    if (belief === undefined || acquisitionId === null || this.isSurprised(acquisitionId)) return;
    this.#options.soon(() => {
      if (belief()) this.#broken('L4 signal', `${owner} does not know that it has lost the lease`);
    });
  }

  /** The holder loses the lease in a way that it cannot expect: by a step of the clock, or by an operator. */
  surpriseHolder(): void {
    if (this.acquisitionId !== null) this.surprise([this.acquisitionId]);
  }

  surprise(acquisitionIds: Iterable<string>): void {
    for (const acquisitionId of acquisitionIds) this.#surprised.add(acquisitionId);
  }

  isSurprised(acquisitionId: string): boolean {
    return this.#surprised.has(acquisitionId);
  }

  /** Someone was refused: another owner must have it. After a step of the clock the model does not know. */
  refused(owner: string): void {
    const isHeld =
      this.owner !== null && this.owner !== owner && this.#expiresAt > this.#options.databaseNow();
    if (!isHeld && !this.isClockChanged) this.#broken('L2 acquire', `${owner} was refused a free lease`);
  }

  renewed(expiresInMs: number): void {
    this.#expiresAt = this.#options.databaseNow() + expiresInMs;
    this.#steps = this.#options.clock().steps;
  }

  released(): void {
    this.owner = null;
    this.#belief = undefined;
  }

  /** It was released by its holder, which knows it, or by an operator, of whom the holder does not know. */
  freed(): void {
    this.surpriseHolder();
    this.released();
  }

  /** A renewal or a release must succeed exactly if the acquisition has the lease (L3). */
  answered(lease: LeaseRef, didSucceed: boolean, invariant: string): void {
    if (didSucceed !== this.isHeldBy(lease)) {
      this.#broken(
        invariant,
        `the call of fence ${lease.fence} ${didSucceed ? 'succeeded' : 'failed'}, ${this.owner} has the lease`,
      );
    }
  }

  get isClockChanged(): boolean {
    return this.#options.clock().steps !== this.#steps;
  }

  get hasRunOut(): boolean {
    return this.isClockChanged || this.#expiresAt <= this.#options.databaseNow();
  }

  /** Whether this acquisition has the lease, or had it last. */
  isLast({ acquisitionId }: LeaseRef): boolean {
    return this.acquisitionId === acquisitionId;
  }

  /** Whether this acquisition has the lease; it may have run out. */
  isHeldBy(lease: LeaseRef): boolean {
    return this.isLast(lease) && this.owner === lease.owner;
  }

  #broken(invariant: string, what: string): never {
    throw new Violation(invariant, `${this.#label}: ${what}`);
  }
}
