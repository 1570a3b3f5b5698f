/** The pools of one engine, which it opens and closes by its policy. */
import type { TokenCredential } from '@azure/identity';
import type * as mssql from 'mssql';
import { MultiOutboxError } from '../../errors.ts';
import { Semaphore } from '../semaphore.ts';
import { createPool, type DiscardReason } from './connection-pool.ts';
import { type Driver, loadDriver } from './driver.ts';
import { type DriverSettings, driverConfig } from './driver-config.ts';
import { type PoolLimits, PoolPolicy } from './pool-policy.ts';
import { databaseKey, serverKey } from './server-name.ts';
import type { ConnectionTarget } from './target.ts';

export interface PoolSettings extends PoolLimits {
  /** The most logins in progress on one server. */
  readonly loginsAtOnce: number;
  /** Whether a server may redirect a login by token to this host. */
  readonly mayReceiveToken: (host: string) => boolean;
  readonly onDiscard?: ((discarded: DiscardedConnection) => void) | undefined;
}

/** A connection that was closed instead of reused. */
export interface DiscardedConnection {
  /** Server and database, for people to find it. */
  readonly database: string;
  readonly reason: DiscardReason;
}

export interface Pooled {
  readonly driver: Driver;
  readonly pool: mssql.ConnectionPool;
}

interface OpenPool {
  readonly opening: Promise<Pooled>;
  /** Present once the pool is open. */
  pooled?: Pooled;
}

export class Pools {
  readonly #policy: PoolPolicy;
  /**
   * The logins in progress, by server. Logins are expensive for a server, and a sweep over a cold fleet would start
   * hundreds of them within a second. Each server has its own, because logins to one that does not answer last until
   * their timeout.
   */
  readonly #logins = new Map<string, Semaphore>();
  readonly #settings: PoolSettings & DriverSettings;
  readonly #credential: () => Promise<TokenCredential>;
  readonly #open = new Map<string, OpenPool>();
  readonly #closing = new Set<Promise<void>>();
  #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: PoolSettings & DriverSettings, credential: () => Promise<TokenCredential>) {
    this.#policy = new PoolPolicy(settings);
    this.#settings = settings;
    this.#credential = credential;
  }

  /** How many pools are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Runs `work` on the target's pool, which stays open meanwhile. */
  async use<T>(target: ConnectionTarget, work: (pooled: Pooled) => Promise<T>): Promise<T> {
    const key = poolKey(target);
    await this.#admit(key, target);
    try {
      return await work(await this.#pool(key, target));
    } finally {
      this.#policy.release(key, performance.now());
      this.#wake();
      this.#schedule();
    }
  }

  /** Closes the pool of a target: now if it is not in use, otherwise once it is idle. */
  async discard(target: ConnectionTarget): Promise<void> {
    const key = poolKey(target);
    this.#policy.forget(key);
    await this.#close(key);
  }

  #loginsOf(server: string): Semaphore {
    let logins = this.#logins.get(server);
    if (logins === undefined) {
      logins = new Semaphore(this.#settings.loginsAtOnce);
      this.#logins.set(server, logins);
    }
    return logins;
  }

  /**
   * Gives the next call a new pool, so that the server's name is resolved again. Does nothing if the given pool has
   * been replaced already, which happens when several calls fail on it.
   */
  renew(target: ConnectionTarget, old: Pooled): void {
    const key = poolKey(target);
    // Calls that use the old pool still count as uses of the database.
    if (this.#open.get(key)?.pooled === old) void this.#close(key);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#wake();
    await Promise.all([...this.#open.keys()].map((key) => this.#close(key)));
    await Promise.all(this.#closing);
  }

  async #admit(key: string, target: ConnectionTarget): Promise<void> {
    for (;;) {
      this.#assertOpen();
      const { admit, close } = this.#policy.use(key, serverKey(target), performance.now());
      if (close !== null) void this.#close(close);
      if (admit) return;
      await this.#change();
    }
  }

  #pool(key: string, target: ConnectionTarget): Promise<Pooled> {
    let open = this.#open.get(key);
    if (open === undefined) {
      const opened: OpenPool = { opening: this.#connect(key, target, () => this.#open.get(key) === opened) };
      open = opened;
      this.#open.set(key, opened);
      opened.opening.then(
        (pooled) => {
          opened.pooled = pooled;
        },
        () => {
          // After a failure the next call opens the pool again.
          if (this.#open.get(key) === opened) this.#open.delete(key);
        },
      );
    }
    return open.opening;
  }

  async #connect(key: string, target: ConnectionTarget, isOpen: () => boolean): Promise<Pooled> {
    const driver = await loadDriver();
    const credential = target.login.kind === 'token' ? await this.#credential() : null;
    const server = serverKey(target);
    const pool = createPool(driver, driverConfig(target, this.#settings, credential), {
      logins: this.#loginsOf(server),
      admit: () => this.#admitConnection(key, server, isOpen, driver),
      mayReceiveToken: credential === null ? undefined : this.#settings.mayReceiveToken,
      onDiscard: (reason) => this.#settings.onDiscard?.({ database: `${server}/${target.database}`, reason }),
    });
    await pool.connect();
    return { driver, pool };
  }

  /**
   * Waits until one more connection may be opened. Call the returned function when that connection ends.
   */
  async #admitConnection(
    key: string,
    server: string,
    isOpen: () => boolean,
    driver: Driver,
  ): Promise<() => void> {
    for (;;) {
      this.#assertOpen();
      // The pool's close waits for this login, and this login may be waiting for that close.
      if (!isOpen()) throw new driver.ConnectionError('The pool was closed.', 'ENOTOPEN');
      const { admit, close } = this.#policy.connect(key, server);
      if (admit) break;
      await (close === null ? this.#change() : this.#close(close));
    }
    return () => {
      this.#policy.disconnect(key, server);
      this.#wake();
    };
  }

  #assertOpen(): void {
    if (this.#closed) throw new MultiOutboxError('CLOSED', 'the engine was closed; create another one');
  }

  async #close(key: string): Promise<void> {
    const open = this.#open.get(key);
    if (open === undefined) return;
    this.#open.delete(key);
    this.#wake();
    const closing = open.opening
      .then(({ pool }) => pool.close())
      .then(
        () => {},
        () => {},
      );
    this.#closing.add(closing);
    await closing;
    this.#closing.delete(closing);
    this.#wake();
  }

  /** Resolves when a pool was released or closed, or a connection has ended. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** A pool that is used later also becomes idle later, so a timer that is set never fires too late. */
  #schedule(): void {
    if (this.#timer !== undefined || this.#closed) return;
    const at = this.#policy.nextIdleAt();
    if (at === null) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        for (const key of this.#policy.idle(performance.now())) void this.#close(key);
        this.#schedule();
      },
      Math.max(1, at - performance.now()),
    );
    // An idle pool must not keep the process alive.
    this.#timer.unref();
  }
}

/** Two targets share a pool when database, login and encryption are the same. */
export function poolKey(target: ConnectionTarget): string {
  const { login, encrypt, trustServerCertificate, multiSubnetFailover } = target;
  const loginKey = login.kind === 'token' ? ['token'] : ['password', login.user, login.password];
  return JSON.stringify([
    databaseKey(target),
    loginKey,
    encrypt,
    trustServerCertificate,
    multiSubnetFailover,
  ]);
}
