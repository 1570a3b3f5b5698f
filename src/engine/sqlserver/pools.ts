/** The pools of one engine, opened and closed as the policy says. */
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
  /** Logins in progress at once, over all servers. */
  readonly loginsAtOnce: number;
  readonly onDiscard?: ((discarded: DiscardedConnection) => void) | undefined;
}

/** A connection that was closed in place of being used again. */
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
    // Logins are dear for a server, and a sweep over a cold fleet would start hundreds of them in the same second.
    this.#logins = new Semaphore(settings.loginsAtOnce);
    this.#settings = settings;
    this.#credential = credential;
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Runs `work` on the target's pool; nobody closes the pool meanwhile. */
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

  /** Closes the pool of a target, now if it is not in use, else once it is idle. */
  async discard(target: ConnectionTarget): Promise<void> {
    const key = poolKey(target);
    this.#policy.forget(key);
    await this.#close(key);
  }

  /** The next call gets a pool of new connections, wherever the server's name leads by then. */
  renew(target: ConnectionTarget): void {
    // The calls that are on the pool now still count as uses of the database.
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
      // What failed to open is opened anew by the next call.
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
    // An idle pool keeps no process alive.
    this.#timer.unref();
  }
}

/** Two targets share a pool when they enter the same database by the same door. */
function poolKey(target: ConnectionTarget): string {
  const { login, encrypt, trustServerCertificate, multiSubnetFailover } = target;
  const door = login.kind === 'token' ? ['token'] : ['password', login.user, login.password];
  return JSON.stringify([databaseKey(target), door, encrypt, trustServerCertificate, multiSubnetFailover]);
}
