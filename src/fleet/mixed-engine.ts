import type { Engine, TenantAddress, TenantDatabase } from '../engine/engine.ts';
import type { Registry } from '../engine/registry.ts';
import { isOnServer } from './tenants/definition.ts';

/**
 * An engine for tenants of both kinds of database: each tenant's address decides which engine opens it. The registry is
 * the embedded engine's, in a file or in memory.
 */
export class MixedEngine implements Engine {
  readonly kind = 'mixed';
  readonly #embedded: Engine;
  readonly #server: Engine;

  /** @param embedded the engine for the registry and for tenants in files */
  constructor(embedded: Engine, server: Engine) {
    this.#embedded = embedded;
    this.#server = server;
  }

  openRegistry(): Registry {
    return this.#embedded.openRegistry();
  }

  openTenant(address: TenantAddress): TenantDatabase {
    return this.#engineOf(address).openTenant(address);
  }

  databaseKey(address: TenantAddress): string {
    return this.#engineOf(address).databaseKey(address);
  }

  fileId(address: TenantAddress): string | null {
    return this.#engineOf(address).fileId(address);
  }

  async close(): Promise<void> {
    await Promise.all([this.#embedded.close(), this.#server.close()]);
  }

  #engineOf(address: TenantAddress): Engine {
    return isOnServer(address) ? this.#server : this.#embedded;
  }
}
