import { RunCalls } from './run-calls.ts';
import { TopicWalks } from './topics.ts';

/** What a queue remembers from one call to the next. */
export class QueueMemory {
  readonly walks: TopicWalks;
  readonly calls: RunCalls;

  constructor(walks = new TopicWalks(), calls = new RunCalls()) {
    this.walks = walks;
    this.calls = calls;
  }

  /** For a transaction, which may be rolled back. */
  copy(): QueueMemory {
    return new QueueMemory(this.walks.copy(), this.calls.copy());
  }

  /**
   * What is remembered after the transaction of this copy was committed. A call of another run, which changes no calls,
   * may have begun before this run's last call and end after it.
   */
  with({ walks, calls }: QueueMemory): QueueMemory {
    return new QueueMemory(walks, calls.isChanged ? calls : this.calls);
  }
}
