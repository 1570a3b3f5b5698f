import { MultiOutboxError } from '../../errors.ts';
import { EventLoopYielder } from '../../event-loop-yielder.ts';
import { unlessAborted } from '../../unless-aborted.ts';

/** A list that is foreign code: it may wait for each entry, fail, or never end. */
interface ForeignList<Entry> {
  readonly name: string;
  read(signal: AbortSignal): Entries<Entry> | Promise<Entries<Entry>>;
}

type Entries<Entry> = Iterable<Entry> | AsyncIterable<Entry>;

/** A longer list is taken for one that never ends. */
export const mostTenants = 1_000_000;

/**
 * Reads a directory's whole list. Reading ends when the signal fires or the list becomes too long; the list's iterator
 * is then closed.
 * @throws INVALID_CONFIGURATION when the list is too long; the directory's error; the signal's reason
 */
export function readAll<Entry>(directory: ForeignList<Entry>, signal: AbortSignal): Promise<Entry[]> {
  return unlessAborted(async () => {
    const list = await directory.read(signal);
    const entries: Entry[] = [];
    const add = (entry: Entry) => {
      if (entries.length >= mostTenants) throw tooLong(directory.name);
      entries.push(entry);
    };
    // `for await` would await each entry of a list, and fail the whole list at an entry whose `then` cannot be read.
    if (Symbol.iterator in list) for (const entry of list) add(entry);
    else await eachUntilAborted(list, signal, add);
    return entries;
  }, signal);
}

async function eachUntilAborted<Entry>(
  list: AsyncIterable<Entry>,
  signal: AbortSignal,
  action: (entry: Entry) => void,
): Promise<void> {
  const iterator = list[Symbol.asyncIterator]();
  // An iterator that waits for its next entry is told at once; a generator ends when its present wait is over.
  const close = () =>
    void Promise.resolve()
      .then(() => iterator.return?.())
      .catch(() => {});
  // A list that has its entries ready would otherwise keep timers, and so the signal, from firing.
  const yielder = new EventLoopYielder();
  signal.addEventListener('abort', close);
  try {
    for (;;) {
      const next = await iterator.next();
      if (next.done === true) return;
      action(next.value);
      await yielder.yieldIfDue();
      signal.throwIfAborted();
    }
  } catch (error) {
    if (!signal.aborted) close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

function tooLong(name: string): MultiOutboxError {
  return new MultiOutboxError(
    'INVALID_CONFIGURATION',
    `The directory '${name}' lists more than ${mostTenants.toLocaleString('en')} tenants; let its list end after the last tenant.`,
  );
}
