/** The log of a history. Two histories are the same, bit by bit, if their logs have the same hash. */
import { createHash } from 'node:crypto';

const keptLines = 40;
const hashedTogether = 1_000;

export class Journal {
  readonly #now: () => number;
  readonly #print: ((line: string) => void) | undefined;
  readonly #hash = createHash('sha256');
  /** The last lines, and those that are not part of the hash yet. */
  #lines: string[] = [];
  #hashed = 0;

  /** @param now milliseconds since the history's beginning; `print` gets every line */
  constructor(now: () => number, print?: (line: string) => void) {
    this.#now = now;
    this.#print = print;
  }

  /** @param actor the process or part of the world that did it */
  note(actor: string, text: string): void {
    const line = `${(this.#now() / 1_000).toFixed(3).padStart(9)}  ${actor.padEnd(10)} ${text}`;
    this.#lines.push(line);
    if (this.#lines.length >= hashedTogether) this.#digest();
    this.#print?.(line);
  }

  /** The last lines of the log. */
  get last(): readonly string[] {
    return this.#lines.slice(-keptLines);
  }

  get hash(): string {
    this.#digest();
    return this.#hash.copy().digest('hex');
  }

  #digest(): void {
    this.#hash.update(
      this.#lines
        .slice(this.#hashed)
        .map((line) => `${line}\n`)
        .join(''),
    );
    this.#lines = this.#lines.slice(-keptLines);
    this.#hashed = this.#lines.length;
  }
}
