/** A tenant modelled in memory: its waiting messages, and whether its database is paused. */
import type { TenantRecord } from '../../src/engine/registry.ts';
import { backoffDelay, type RetryPolicy } from '../../src/queue/retry.ts';
import type { TenantClass } from './scenario.ts';

interface Retry {
  readonly dueAt: number;
  readonly attempt: number;
}

/** The result of one batch. */
export interface BatchResult {
  readonly started: number;
  readonly done: number;
  readonly retried: number;
  readonly dead: number;
  readonly endsAt: number;
}

export interface BatchLimits {
  readonly batchSize: number;
  readonly concurrency: number;
  readonly retry: RetryPolicy;
  /** The call that claims the batch. */
  readonly callMs: number;
  readonly budgetEndsAt: number;
  readonly random: () => number;
  /** Called with the time that each message waited for its first start. */
  readonly onFirstStart: (latencyMs: number) => void;
}

export class ModelledTenant {
  readonly record: TenantRecord;
  readonly kind: TenantClass;
  isServed = false;
  /** When each fresh message was enqueued, the oldest first. */
  readonly #fresh: number[] = [];
  #head = 0;
  readonly #retries: Retry[] = [];
  #awakeMs = 0;
  #awakeUntil = Number.NEGATIVE_INFINITY;
  #resumedAt = 0;

  constructor(record: TenantRecord, kind: TenantClass) {
    this.record = record;
    this.kind = kind;
  }

  enqueue(now: number, messages: number): void {
    for (let left = messages; left > 0; left--) this.#fresh.push(now);
    this.#stayAwake(now);
  }

  /** Touches the database; false while it is resuming from its pause. */
  touch(now: number, resumeMs: number): boolean {
    if (this.kind.autoPause !== undefined && now > this.#awakeUntil) this.#resumedAt = now + resumeMs;
    this.#stayAwake(now);
    return now >= this.#resumedAt;
  }

  #stayAwake(now: number): void {
    const until = now + (this.kind.autoPause ?? 0);
    this.#awakeMs += until - Math.max(now, this.#awakeUntil);
    this.#awakeUntil = until;
  }

  /** Milliseconds that its database was awake until the end. */
  awakeMs(end: number): number {
    return this.#awakeMs - Math.max(0, this.#awakeUntil - end);
  }

  get waiting(): number {
    return this.#fresh.length - this.#head + this.#retries.length;
  }

  oldestWaitingMs(now: number): number {
    return this.#head < this.#fresh.length ? now - this.#fresh[this.#head]! : 0;
  }

  /** Milliseconds until the next message that is not due yet becomes due; null if there is none. */
  nextDueInMs(now: number): number | null {
    const due = this.#retries.map(({ dueAt }) => dueAt).filter((at) => at > now);
    return due.length === 0 ? null : Math.min(...due) - now;
  }

  hasDue(now: number): boolean {
    return this.#head < this.#fresh.length || this.#retries.some(({ dueAt }) => dueAt <= now);
  }

  /**
   * Claims a batch and runs it in waves as large as the concurrency, since all handlers of a class take the same time.
   */
  runBatch(now: number, limits: BatchLimits): BatchResult {
    const { batchSize, concurrency, retry, callMs, budgetEndsAt, random, onFirstStart } = limits;
    const { handler, failing } = this.kind;
    const startsAt = now + callMs;
    const waves = Math.max(0, Math.floor((budgetEndsAt - startsAt) / Math.max(handler, 1)) + 1);
    const attempts = this.#claim(now, Math.min(batchSize, waves * concurrency), (enqueuedAt, place) =>
      onFirstStart(startsAt + Math.floor(place / concurrency) * handler - enqueuedAt),
    );
    const result = { done: 0, retried: 0, dead: 0 };
    for (const [place, attempt] of attempts.entries()) {
      if (failing === 0 || random() >= failing) result.done++;
      else if (attempt >= retry.maxAttempts) result.dead++;
      else {
        const endedAt = startsAt + (Math.floor(place / concurrency) + 1) * handler;
        this.#retries.push({
          dueAt: endedAt + backoffDelay(attempt, retry, random),
          attempt: attempt + 1,
        });
        result.retried++;
      }
    }
    const started = attempts.length;
    return { ...result, started, endsAt: startsAt + Math.ceil(started / concurrency) * handler };
  }

  /** Takes up to `limit` due messages, and returns the number of attempts of each. */
  #claim(now: number, limit: number, onFresh: (enqueuedAt: number, place: number) => void): number[] {
    const attempts: number[] = [];
    for (let place = 0; place < this.#retries.length && attempts.length < limit; ) {
      if (this.#retries[place]!.dueAt > now) place++;
      else attempts.push(this.#retries.splice(place, 1)[0]!.attempt);
    }
    while (attempts.length < limit && this.#head < this.#fresh.length) {
      onFresh(this.#fresh[this.#head++]!, attempts.length);
      attempts.push(1);
    }
    if (this.#head === this.#fresh.length) {
      this.#fresh.length = 0;
      this.#head = 0;
    }
    return attempts;
  }
}
