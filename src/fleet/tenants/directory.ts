import type { Registry, TenantRecord } from '../../engine/registry.ts';
import { errorText } from '../../errors.ts';
import type { Settings } from '../../settings.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { Refresh } from './refresh.ts';
import { readTenantChanges } from './tenant-changes.ts';
import { unknownTenant } from './tenant-errors.ts';

export interface DirectoryOptions {
  readonly registry: Registry;
  readonly settings: Settings['directory'];
  readonly logger: Logger;
  /** Called when a known tenant's definition or status has changed. */
  readonly onChange: (tenant: TenantRecord) => void;
}

/**
 * The tenants that this process knows (F2). The directory reads a tenant at the first request for it. From then on it
 * asks for changes on an interval, in one call for all tenants, one caller at a time. While the registry does not
 * answer, it uses the known tenants.
 */
export class TenantDirectory {
  readonly #options: DirectoryOptions;
  readonly #known = new Map<string, TenantRecord>();
  readonly #refreshing: Refresh;
  /** The tenants whose records became known, or became newer, since the last refresh began. */
  readonly #learned = new Set<string>();
  #version: number | null = null;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#refreshing = new Refresh(options.settings, () => this.#refresh());
  }

  /** @throws MultiOutboxError UNKNOWN_TENANT, or the registry's error when the tenant is not known yet */
  async get(tenantId: string): Promise<TenantRecord> {
    await this.refreshIfDue();
    const known = this.#known.get(tenantId);
    if (known) return known;
    const tenant = await this.#options.registry.get(tenantId);
    if (tenant === null) throw unknownTenant(tenantId);
    this.remember(tenant);
    return tenant;
  }

  /** Asks the registry for changes if that is due. Never rejects. */
  async refreshIfDue(): Promise<void> {
    // Wait for the first version. Otherwise this process could for ever miss a change to a tenant that it read before
    // it knew the version.
    await (this.#refreshing.startIfDue() ?? (this.#version === null ? this.#refreshing.running : undefined));
  }

  /** Reads a tenant of whose record this process has heard that it is not the newest. Never rejects. */
  async reread(tenantId: string): Promise<void> {
    try {
      const tenant = await this.#options.registry.get(tenantId);
      if (tenant !== null) this.remember(tenant);
    } catch (error) {
      this.#options.logger.warn('A tenant could not be read again; the next refresh reads it.', {
        tenantId,
        error: errorText(error),
      });
    }
  }

  /** Stores a tenant that another call has read, unless a newer record is known. */
  remember(tenant: TenantRecord): void {
    const known = this.#known.get(tenant.id);
    if (known && known.version > tenant.version) return;
    this.#known.set(tenant.id, tenant);
    if (known?.version !== tenant.version) this.#learned.add(tenant.id);
    if (known && known.version < tenant.version) this.#options.onChange(tenant);
  }

  async #refresh(): Promise<boolean> {
    const { registry, logger } = this.#options;
    this.#learned.clear();
    try {
      const { version, tenants, isWhole } = await readTenantChanges(
        registry,
        this.#version ?? this.#oldestKnown(),
        this.#known.values(),
      );
      if (isWhole) this.#forgetAllBut(tenants, version);
      // Store also tenants that no call has requested yet, because an older read of them may still be under way.
      for (const tenant of tenants) this.remember(tenant);
      this.#version = version;
      return true;
    } catch (error) {
      logger.warn('The tenants could not be refreshed; the last good list is used.', {
        error: errorText(error),
      });
      return false;
    }
  }

  /**
   * Forgets records that the registry does not have any more: after a restore it has older versions of some tenants, and
   * others are not registered yet. A record that became known during the read and is newer than what was read stays: the
   * tenant has changed since, and a run of it may have begun with this record. The next refresh checks it.
   */
  #forgetAllBut(tenants: readonly TenantRecord[], version: number): void {
    const present = new Map(tenants.map((tenant) => [tenant.id, tenant]));
    for (const known of [...this.#known.values()]) {
      const tenant = present.get(known.id);
      if (tenant !== undefined && tenant.version >= known.version) continue;
      if (known.version > version && this.#learned.has(known.id)) continue;
      this.#known.delete(known.id);
      this.#options.onChange(tenant ?? { ...known, status: 'retired' });
    }
  }

  /** The version to start from when the first refresh failed and tenants became known meanwhile. */
  #oldestKnown(): number | null {
    if (this.#known.size === 0) return null;
    return [...this.#known.values()].reduce(
      (oldest, { version }) => Math.min(oldest, version),
      Number.MAX_SAFE_INTEGER,
    );
  }
}
