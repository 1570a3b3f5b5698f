/** The files of the tenants in a registry, by which two tenants on one file are recognised (F1). */
import type { TenantAddress } from '../../engine.ts';
import { lastingIdOf, placeOf, statOf } from '../file-identity.ts';
import { tenantFile } from '../paths.ts';

export type FileAddress = Pick<TenantAddress, 'id' | 'server' | 'database'> &
  Partial<Pick<TenantAddress, 'auth'>>;

export class TenantFiles {
  readonly #registry: string;

  /** @param registry the path of the registry's file, or ':memory:' */
  constructor(registry: string) {
    this.#registry = registry;
  }

  /** The id of the tenant's file that is stored in the registry; null when there is no file, or it has no id. */
  idOf(address: FileAddress): string | null {
    const stats = this.#statOf(address);
    return stats === undefined ? null : lastingIdOf(stats);
  }

  /**
   * The tenant among `others` whose file is at this moment that of `address`. Only a file with several names needs this
   * search, which looks at every tenant's file.
   */
  sharer(address: FileAddress, others: () => readonly FileAddress[]): string | undefined {
    const stats = this.#statOf(address);
    if (stats === undefined || stats.nlink <= 1n) return undefined;
    const place = placeOf(stats);
    if (place === null) return undefined;
    return others().find((other) => {
      const its = this.#statOf(other);
      return its !== undefined && placeOf(its) === place;
    })?.id;
  }

  #statOf(address: FileAddress) {
    // The registry has tenants on servers too.
    if (address.server !== '' || address.auth?.kind === 'setting') return undefined;
    try {
      return statOf(
        tenantFile(this.#registry, { ...address, auth: { kind: 'managed-identity' }, schema: '' }),
      );
    } catch {
      // The path cannot be one of a file, or its folder cannot be read: opening the tenant says so.
      return undefined;
    }
  }
}
