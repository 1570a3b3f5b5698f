/** A topic whose last attempt in this run failed (S1). */
export interface FailedTopic {
  readonly topic: string;
  /** Failed attempts since the topic last succeeded in this run. */
  readonly failures: number;
  /** Milliseconds from the first and from the last of them to the end of the queue's run. */
  readonly sinceMs: number;
  readonly lastMs: number;
  /** Whether the topic has succeeded in this run before these failures. */
  readonly isNew: boolean;
  /** The message of the last failure. */
  readonly messageId: string;
  /** The last error's name and code; its text only if the operator allows it. */
  readonly error: string;
}

/** The most failing topics that a run reports: those that failed last. */
const mostFailing = 20;

interface Failure {
  count: number;
  readonly firstAt: number;
  lastAt: number;
  messageId: string;
  error: string;
}

interface Result {
  hasSucceeded: boolean;
  failure: Failure | null;
}

/** What became of the attempts of each topic in a run. Topics are those of handlers, so their number is bounded. */
export class TopicResults {
  readonly #byTopic = new Map<string, Result>();

  succeeded(topic: string): void {
    const result = this.#of(topic);
    result.hasSucceeded = true;
    result.failure = null;
  }

  failed(topic: string, messageId: string, error: string): void {
    const result = this.#of(topic);
    const now = performance.now();
    result.failure ??= { count: 0, firstAt: now, lastAt: now, messageId, error };
    Object.assign(result.failure, { count: result.failure.count + 1, lastAt: now, messageId, error });
  }

  get failing(): FailedTopic[] {
    const now = performance.now();
    const failing: FailedTopic[] = [];
    for (const [topic, { failure, hasSucceeded }] of this.#byTopic) {
      if (failure === null) continue;
      const { count, firstAt, lastAt, messageId, error } = failure;
      const [sinceMs, lastMs] = [Math.round(now - firstAt), Math.round(now - lastAt)];
      failing.push({ topic, failures: count, sinceMs, lastMs, isNew: hasSucceeded, messageId, error });
    }
    return failing.sort((a, b) => a.lastMs - b.lastMs).slice(0, mostFailing);
  }

  /** Topics whose last attempt succeeded. */
  get succeededTopics(): string[] {
    return [...this.#byTopic].filter(([, { failure }]) => failure === null).map(([topic]) => topic);
  }

  #of(topic: string): Result {
    let result = this.#byTopic.get(topic);
    if (result === undefined) {
      result = { hasSucceeded: false, failure: null };
      this.#byTopic.set(topic, result);
    }
    return result;
  }
}
