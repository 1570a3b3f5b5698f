const nothing = {
  run: undefined,
  attempt: undefined,
  message: undefined,
  context: undefined,
  candidates: undefined,
};

/**
 * The objects that a run used last, of each class that it needs for every message. Nothing reads them. A full garbage
 * collection that finds no object of a class makes V8 discard the code that it compiled for this class, and an idle process
 * has such collections between two runs. Without these objects, a drain of 30,000 messages behind a collection took 5.9 µs
 * a message, and 4.0 µs with them (on a tmpfs, at batch 500).
 *
 * They hold one message, and what the run was given: handlers, a logger, a database. So they are dropped when the last
 * multi-outbox of the process is closed.
 */
export const lastUsed: { -readonly [Name in keyof typeof nothing]: object | undefined } = { ...nothing };

let users = 0;

/** Keeps what is used last, until the function that it returns is called. */
export function keepLastUsed(): () => void {
  users++;
  let isUser = true;
  return () => {
    if (!isUser) return;
    isUser = false;
    users--;
    if (users === 0) Object.assign(lastUsed, nothing);
  };
}
