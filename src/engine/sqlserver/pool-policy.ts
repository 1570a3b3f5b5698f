/**
 * Decides which pools may be open (F8): it limits all pools and those of each server, closes the least
 * recently used first, and closes idle ones. It is pure: callers report events with their time, and it
 * returns what to do. It never closes a pool in use. When pools in use take all places, a caller waits. The
 * wait is short, because calls are short and handlers hold no connection while they run.
 */
export interface PoolLimits {
  /** The most open pools. */
  readonly maxOpen: number;
  /** The most open pools on one server. */
  readonly maxPerServer: number;
  /** Milliseconds after which an unused pool is closed. */
  readonly idleCloseMs: number;
}

interface Entry {
  readonly server: string;
  uses: number;
  lastUsed: number;
}

export type Admission =
  /** The caller may use the pool, and must first close the pools of `close`, to make room. */
  | { readonly admit: true; readonly close: string[] }
  /** The caller must ask again when a pool is released or closed. */
  | { readonly admit: false };

export class PoolPolicy {
  readonly #limits: PoolLimits;
  /** By key; the least recently used first. */
  readonly #open = new Map<string, Entry>();

  constructor(limits: PoolLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Asks to use a pool. An admitted pool counts as open from now on; the caller ends each admission with
   * `release`.
   */
  use(key: string, server: string, now: number): Admission {
    const entry = this.#open.get(key);
    if (entry !== undefined) {
      entry.uses++;
      this.#touch(key, entry, now);
      return { admit: true, close: [] };
    }
    const close = this.#roomFor(server);
    if (close === null) return { admit: false };
    for (const other of close) this.#open.delete(other);
    this.#open.set(key, { server, uses: 1, lastUsed: now });
    return { admit: true, close };
  }

  release(key: string, now: number): void {
    const entry = this.#open.get(key);
    if (entry === undefined) return;
    entry.uses = Math.max(0, entry.uses - 1);
    this.#touch(key, entry, now);
  }

  /** Records that the pool was closed for another reason. */
  forget(key: string): void {
    this.#open.delete(key);
  }

  /** Forgets and returns the pools that have been idle for long enough; the caller closes them. */
  idle(now: number): string[] {
    const keys: string[] = [];
    for (const [key, { uses, lastUsed }] of this.#open) {
      if (uses === 0 && now - lastUsed >= this.#limits.idleCloseMs) keys.push(key);
    }
    for (const key of keys) this.#open.delete(key);
    return keys;
  }

  /** When to ask for idle pools again; null if none is idle. */
  nextIdleAt(): number | null {
    let next: number | null = null;
    for (const { uses, lastUsed } of this.#open.values()) {
      const at = lastUsed + this.#limits.idleCloseMs;
      if (uses === 0 && (next === null || at < next)) next = at;
    }
    return next;
  }

  /** The pools to close to make room for one more; null when pools in use take all the room. */
  #roomFor(server: string): string[] | null {
    const close: string[] = [];
    const onServer = [...this.#open.values()].filter((entry) => entry.server === server).length;
    if (onServer >= this.#limits.maxPerServer) {
      const key = this.#leastRecentlyUsed((entry) => entry.server === server);
      if (key === null) return null;
      close.push(key);
    }
    if (this.#open.size - close.length >= this.#limits.maxOpen) {
      const key = this.#leastRecentlyUsed(() => true);
      if (key === null) return null;
      close.push(key);
    }
    return close;
  }

  #leastRecentlyUsed(suits: (entry: Entry) => boolean): string | null {
    for (const [key, entry] of this.#open) if (entry.uses === 0 && suits(entry)) return key;
    return null;
  }

  #touch(key: string, entry: Entry, now: number): void {
    entry.lastUsed = now;
    this.#open.delete(key);
    this.#open.set(key, entry);
  }
}
