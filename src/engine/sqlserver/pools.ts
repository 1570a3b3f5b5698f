/** The pools of one engine, which it opens and closes by its policy. */
import type { TokenCredential } from '@azure/identity';
import type * as mssql from 'mssql';
import { MultiOutboxError } from '../../errors.ts';
import { Semaphore } from '../semaphore.ts';
import { createPool, type DiscardReason } from './connection-pool.ts';
import { type Driver, loadDriver } from './driver.ts';
import { type DriverSettings, driverConfig } from './driver-config.ts';
import { type PoolLimits, PoolPolicy } from './pool-policy.ts';
import { type ConnectionTarget, databaseKey, serverKey } from './target.ts';

export interface PoolSettings extends PoolLimits {
  /** The most logins in progress, over all servers. */
  readonly loginsAtOnce: number;
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
}

export class Pools {
  readonly #policy: PoolPolicy;
  readonly #logins: Semaphore;
  readonly #settings: PoolSettings & DriverSettings;
  readonly #credential: () => Promise<TokenCredential>;
  readonly #open = new Map<string, OpenPool>();
  readonly #closing = new Set<Promise<void>>();
  #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: PoolSettings & DriverSettings, credential: () => Promise<TokenCredential>) {
    this.#policy = new PoolPolicy(settings);
    // Logins are expensive for a server, and a sweep over a cold fleet would start hundreds of them within a second.
    this.#logins = new Semaphore(settings.loginsAtOnce);
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

  /** Gives the next call a new pool, so that the server's name is resolved again. */
  renew(target: ConnectionTarget): void {
    // Calls that use the old pool still count as uses of the database.
    void this.#close(poolKey(target));
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
      if (this.#closed) throw new MultiOutboxError('CLOSED', 'the engine was closed; create another one');
      const admission = this.#policy.use(key, serverKey(target), performance.now());
      if (admission.admit) {
        for (const other of admission.close) void this.#close(other);
        return;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #pool(key: string, target: ConnectionTarget): Promise<Pooled> {
    let open = this.#open.get(key);
    if (open === undefined) {
      open = { opening: this.#connect(target) };
      this.#open.set(key, open);
      // After a failure the next call opens the pool again.
      open.opening.catch(() => {
        if (this.#open.get(key) === open) this.#open.delete(key);
      });
    }
    return open.opening;
  }

  async #connect(target: ConnectionTarget): Promise<Pooled> {
    const driver = await loadDriver();
    const credential = target.login.kind === 'token' ? await this.#credential() : null;
    const pool = createPool(driver, driverConfig(target, this.#settings, credential), {
      logins: this.#logins,
      onDiscard: (reason) =>
        this.#settings.onDiscard?.({ database: `${serverKey(target)}/${target.database}`, reason }),
    });
    await pool.connect();
    return { driver, pool };
  }

  async #close(key: string): Promise<void> {
    const open = this.#open.get(key);
    if (open === undefined) return;
    this.#open.delete(key);
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

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const at = this.#policy.nextIdleAt();
    if (at === null || this.#closed) return;
    this.#timer = setTimeout(
      () => {
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
function poolKey(target: ConnectionTarget): string {
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
