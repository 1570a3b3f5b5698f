/** The log of a history. Two histories are the same, bit by bit, if their logs have the same hash. */
import { createHash } from 'node:crypto';

const keptLines = 40;

export class Journal {
  readonly #now: () => number;
  readonly #print: ((line: string) => void) | undefined;
  readonly #hash = createHash('sha256');
  readonly #last: string[] = [];
  lines = 0;

  /** @param now milliseconds since the history's beginning; `print` gets every line */
  constructor(now: () => number, print?: (line: string) => void) {
    this.#now = now;
    this.#print = print;
  }

  /** @param actor the process or part of the world that did it */
  note(actor: string, text: string): void {
    const line = `${(this.#now() / 1_000).toFixed(3).padStart(9)}  ${actor.padEnd(10)} ${text}`;
    this.lines++;
    this.#hash.update(`${line}\n`);
    this.#last.push(line);
    if (this.#last.length > keptLines) this.#last.shift();
    this.#print?.(line);
  }

  /** The last lines of the log. */
  get last(): readonly string[] {
    return this.#last;
  }

  get hash(): string {
    return this.#hash.copy().digest('hex');
  }
}
