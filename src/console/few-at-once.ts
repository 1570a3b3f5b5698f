/** Requests that connect to many databases: a few at once, however many are sent. */
import { Semaphore } from '../engine/semaphore.ts';
import { Refusal } from './answer.ts';

/** One operator's page sends one at a time. */
const atOnce = 2;
/** More of them would wait for minutes. */
const mostWaiting = 10;

export class FewAtOnce {
  readonly #semaphore = new Semaphore(atOnce);
  #present = 0;

  /** @throws Refusal with status 429 when too many wait already */
  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#present >= atOnce + mostWaiting)
      throw new Refusal(
        429,
        'BUSY',
        'Too many requests read many databases at this moment; try again in a minute.',
      );
    this.#present++;
    try {
      return await this.#semaphore.use(work);
    } finally {
      this.#present--;
    }
  }
}
