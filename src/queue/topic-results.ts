/** The messages of a topic from one source; the source is null for the application's own messages. */
export interface TopicOfSource {
  readonly topic: string;
  readonly source: string | null;
}

/** A topic whose last attempt in this run failed (S1). */
export interface FailedTopic extends TopicOfSource {
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

/**
 * The most results that a run keeps. The topics are those of handlers, but a sender may invent sources. A result that is
 * dropped is that of a topic that works, or else one of many that fail.
 */
const mostResults = 1_000;

interface Result {
  readonly of: TopicOfSource;
  hasSucceeded: boolean;
  failure: Failure | null;
}

/** What became of the attempts of each topic and source in a run. */
export class TopicResults {
  readonly #byKey = new Map<string, Result>();

  succeeded(topic: string, source: string | null): void {
    const result = this.#of(topic, source);
    result.hasSucceeded = true;
    result.failure = null;
  }

  failed({ topic, source }: TopicOfSource, messageId: string, error: string): void {
    const result = this.#of(topic, source);
    const now = performance.now();
    result.failure ??= { count: 0, firstAt: now, lastAt: now, messageId, error };
    Object.assign(result.failure, { count: result.failure.count + 1, lastAt: now, messageId, error });
  }

  get failing(): FailedTopic[] {
    const now = performance.now();
    const failing: FailedTopic[] = [];
    for (const { of, failure, hasSucceeded } of this.#byKey.values()) {
      if (failure === null) continue;
      const { count, firstAt, lastAt, messageId, error } = failure;
      const [sinceMs, lastMs] = [Math.round(now - firstAt), Math.round(now - lastAt)];
      failing.push({ ...of, failures: count, sinceMs, lastMs, isNew: hasSucceeded, messageId, error });
    }
    return failing.sort((a, b) => a.lastMs - b.lastMs).slice(0, mostFailing);
  }

  /** Those whose last attempt succeeded. */
  get succeededTopics(): TopicOfSource[] {
    return [...this.#byKey.values()].filter(({ failure }) => failure === null).map(({ of }) => of);
  }

  #of(topic: string, source: string | null): Result {
    // This is called for each message, and most have no source.
    const key = source === null ? topic : `${topic}\u0000${source}`;
    let result = this.#byKey.get(key);
    if (result === undefined) {
      if (this.#byKey.size >= mostResults) this.#dropOne();
      result = { of: { topic, source }, hasSucceeded: false, failure: null };
      this.#byKey.set(key, result);
    }
    return result;
  }

  #dropOne(): void {
    let [dropped] = this.#byKey.keys();
    for (const [key, { failure }] of this.#byKey) {
      if (failure !== null) continue;
      dropped = key;
      break;
    }
    this.#byKey.delete(dropped!);
  }
}
