/** The messages of each ordering key, in their order (Q10). */
import type { MessageModel } from './messages.ts';

export class OrderingGroups {
  readonly #onDead: 'block' | 'continue';
  readonly #groups = new Map<string, MessageModel[]>();

  constructor(onDead: 'block' | 'continue') {
    this.#onDead = onDead;
  }

  clear(): void {
    this.#groups.clear();
  }

  add(message: MessageModel): void {
    if (message.orderingKey === null) return;
    const group = this.#groups.get(message.orderingKey) ?? [];
    group.push(message);
    group.sort((a, b) => a.sequence - b.sequence);
    this.#groups.set(message.orderingKey, group);
  }

  /** An earlier message of the same key that must come to its end before this one may start. */
  firstBefore(
    message: MessageModel,
    hasReturned: (earlier: MessageModel) => boolean,
  ): MessageModel | undefined {
    return this.#before(message).find((earlier) => !this.#isOver(earlier) && !hasReturned(earlier));
  }

  /** Whether no earlier message of its key is left. */
  isFirst(message: MessageModel): boolean {
    return this.#before(message).every((earlier) => this.#isOver(earlier));
  }

  /** Whether the message cannot be blocked: not even by a replayed one, which joins its group again. */
  isHead(message: MessageModel): boolean {
    return this.#before(message).every(
      (earlier) => this.#isOver(earlier) && (earlier.replayedAt === null || earlier.state !== 'ready'),
    );
  }

  /** Whether the message waits behind a Dead one. */
  isBlocked(message: MessageModel): boolean {
    return this.#onDead === 'block' && this.#before(message).some(({ state }) => state === 'dead');
  }

  #before({ orderingKey, sequence }: MessageModel): MessageModel[] {
    if (orderingKey === null) return [];
    return this.#groups.get(orderingKey)!.filter((earlier) => earlier.sequence < sequence);
  }

  #isOver({ state, replayedAt }: MessageModel): boolean {
    if (state === 'done' || state === 'gone') return true;
    // A replayed message joins its group again while later ones may run.
    return this.#onDead === 'continue' && (state === 'dead' || replayedAt !== null);
  }
}
