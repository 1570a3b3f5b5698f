import type { TopicRoom } from '../../work-queue.ts';
import { foldCase } from '../file.ts';

/** How many more messages of each topic may be claimed. */
export class Rooms {
  readonly #byTopic = new Map<string, Map<string, { left: number }>>();

  constructor(rooms: readonly TopicRoom[]) {
    for (const { topic, source = '', room } of rooms) {
      const key = foldCase(topic);
      const bySource = this.#byTopic.get(key) ?? new Map<string, { left: number }>();
      this.#byTopic.set(key, bySource.set(source, { left: room }));
    }
  }

  /** Undefined for a topic without a limit. */
  of(topic: string, source: string): { left: number } | undefined {
    const bySource = this.#byTopic.get(foldCase(topic));
    return bySource?.get(source) ?? bySource?.get('');
  }
}
