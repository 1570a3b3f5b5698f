/**
 * Decides which pools may be open, and how many connections (F8). It is pure: callers report events with their time,
 * and it returns what to do. It never closes a pool in use.
 *
 * - A pool comes into use only when it and the pools in use could all have their full number of connections to the
 *   server. Until then its caller waits. So a call on a pool in use, such as the renewal of a lease while a handler's
 *   transaction is open, never waits for another tenant.
 * - A login closes an idle pool of its server when there are as many connections as allowed. Only connections that are
 *   really open, or being opened, count: an idle tenant's pool has one.
 *
 * The waits are short, because calls are short and handlers hold no connection while they run.
 */
import { toEvict } from '../eviction.ts';

export interface PoolLimits {
  /** The most open pools. */
  readonly maxOpen: number;
  /** The most connections to one server, logins in progress included. */
  readonly maxConnectionsPerServer: number;
  /** The most connections of one pool; not more than `maxConnectionsPerServer`. */
  readonly poolSize: number;
  /** Milliseconds after which an unused pool is closed. */
  readonly idleCloseMs: number;
}

interface Entry {
  readonly server: string;
  uses: number;
  lastUsed: number;
}

/** A caller that is not admitted asks again once a pool is released or a connection has ended. */
export interface Admission {
  readonly admit: boolean;
  /** The pool that the caller must close first. */
  readonly close: string | null;
}

const wait: Admission = { admit: false, close: null };

export class PoolPolicy {
  readonly #limits: PoolLimits;
  readonly #random: () => number;
  /** The open pools by key, in the order of opening. */
  readonly #open = new Map<string, Entry>();
  /** Connections by pool, and by server; those of a closed pool count until they have ended. */
  readonly #ofPool = new Map<string, number>();
  readonly #toServer = new Map<string, number>();

  constructor(limits: PoolLimits, random: () => number = Math.random) {
    this.#limits = limits;
    this.#random = random;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Connections to a server, logins in progress included. */
  connections(server: string): number {
    return this.#toServer.get(server) ?? 0;
  }

  /**
   * Asks to use a pool. An admitted pool counts as open from now on; the caller ends each admission with
   * `release`.
   */
  use(key: string, server: string, now: number): Admission {
    const entry = this.#open.get(key);
    if ((entry?.uses ?? 0) === 0 && !this.#hasRoomInUse(server)) return wait;
    if (entry !== undefined) {
      entry.uses++;
      entry.lastUsed = now;
      return { admit: true, close: null };
    }
    let close: string | null = null;
    if (this.#open.size >= this.#limits.maxOpen) {
      close = toEvict(this.#open, this.#random);
      if (close === null) return wait;
      this.#open.delete(close);
    }
    this.#open.set(key, { server, uses: 1, lastUsed: now });
    return { admit: true, close };
  }

  release(key: string, now: number): void {
    const entry = this.#open.get(key);
    if (entry === undefined) return;
    entry.uses = Math.max(0, entry.uses - 1);
    entry.lastUsed = now;
  }

  /**
   * Asks to log in for a pool. An admitted connection counts from now on; the caller ends it with `disconnect`. When
   * it is not admitted, the caller closes the given pool, if there is one, and asks again.
   */
  connect(key: string, server: string): Admission {
    if (this.connections(server) < this.#limits.maxConnectionsPerServer) {
      this.#count(key, server, 1);
      return { admit: true, close: null };
    }
    const connected = [...this.#open].filter(
      ([other, entry]) => other !== key && entry.server === server && this.#ofPool.has(other),
    );
    const close = toEvict(connected, this.#random);
    if (close !== null) this.#open.delete(close);
    return { admit: false, close };
  }

  /** Records that a connection has ended, or that its login failed. */
  disconnect(key: string, server: string): void {
    this.#count(key, server, -1);
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

  /** Whether one more pool in use could have all its connections. */
  #hasRoomInUse(server: string): boolean {
    const { poolSize, maxConnectionsPerServer } = this.#limits;
    let inUse = 0;
    for (const entry of this.#open.values()) if (entry.uses > 0 && entry.server === server) inUse++;
    return (inUse + 1) * poolSize <= maxConnectionsPerServer;
  }

  #count(key: string, server: string, change: 1 | -1): void {
    for (const [counts, of] of [
      [this.#ofPool, key],
      [this.#toServer, server],
    ] as const) {
      const count = (counts.get(of) ?? 0) + change;
      if (count > 0) counts.set(of, count);
      else counts.delete(of);
    }
  }
}
