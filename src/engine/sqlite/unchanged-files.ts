/**
 * Remembers what looks at files have found that hold for as long as the file is unchanged: then a file that was closed need not be
 * opened for the next look.
 *
 * All that a program commits makes the write-ahead log non-empty, and then changes the file, before the log is emptied or
 * removed. So with an empty log, the file has all that was committed; and a file that is unchanged since has what it had.
 */
import { type BigIntStats, lstatSync } from 'node:fs';

/** A look that has found no message but Done ones, and a lease that nobody has. */
export interface EmptyLook {
  /** The database's time of the look. */
  readonly now: number;
  readonly oldestDoneUtc: number | null;
}

/**
 * Milliseconds for which a file must have been unchanged when it is opened, so that each later change gives it another time.
 * File systems record times to some milliseconds.
 */
const settledMs = 1_000;

/** The most files that are remembered, some hundred bytes each. */
const mostFiles = 50_000;

/**
 * No call that writes leaves all of this as it was; a write through a memory mapping may. A copy or a backup that keeps the
 * time of its content (mtime) is another file, or has another time of change (ctime), which no program can set.
 */
function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** Whether each later change of the file will change its state. */
export function isSettled({ ino, mtimeMs, ctimeNs }: BigIntStats): boolean {
  // Windows may record the time of a write when the file is closed, and others may have whole seconds.
  if (process.platform === 'win32' || ino === 0n || ctimeNs % 1_000_000_000n === 0n) return false;
  return Date.now() - Number(mtimeMs) > settledMs;
}

interface Remembered {
  readonly state: string;
  /** By queue. */
  readonly looks: Record<string, EmptyLook>;
}

export class UnchangedFiles {
  readonly #most: number;
  /** By path. */
  readonly #files = new Map<string, Remembered>();

  constructor(most = mostFiles) {
    this.#most = most;
  }

  /** Call it before the file is opened, so that looks find at least what the file has now. */
  opening(path: string, stats: BigIntStats): void {
    const state = stateOf(stats);
    if (this.#files.get(path)?.state === state) return;
    if (!isSettled(stats)) return;
    this.#files.set(path, { state, looks: {} });
    if (this.#files.size > this.#most) this.#files.delete(this.#files.keys().next().value!);
  }

  /** Remembers a look after the last `opening`, in place of an earlier one, unless the file has changed since that. */
  remember(path: string, queue: string, look: EmptyLook): void {
    const looks = this.#files.get(path)?.looks;
    if (looks !== undefined && this.#isUnchanged(path)) looks[queue] = look;
  }

  /** A look that holds still. */
  recall(path: string, queue: string): EmptyLook | undefined {
    const look = this.#files.get(path)?.looks[queue];
    return look !== undefined && this.#isUnchanged(path) ? look : undefined;
  }

  #isUnchanged(path: string): boolean {
    try {
      // The log comes first: a program that empties it now has changed the file before.
      const log = lstatSync(`${path}-wal`, { throwIfNoEntry: false });
      if (log !== undefined && !(log.isFile() && log.size === 0)) return false;
      return stateOf(lstatSync(path, { bigint: true })) === this.#files.get(path)?.state;
    } catch {
      // To open the file tells what is wrong.
      return false;
    }
  }
}
