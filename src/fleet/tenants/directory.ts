import type { Registry, TenantRecord } from '../../engine/registry.ts';
import type { Settings } from '../../settings.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { Refresh } from './refresh.ts';
import { unknownTenant } from './tenant-errors.ts';

export interface DirectoryOptions {
  readonly registry: Registry;
  readonly settings: Settings['directory'];
  readonly logger: Logger;
  /** Told when a tenant that was known has another definition or status now. */
  readonly onChange: (tenant: TenantRecord) => void;
}

/**
 * The tenants this process knows (F2). A tenant is read when first asked for; from then on changes are asked for on
 * an interval, all in one call, by one caller at a time. While the registry does not answer, what is known serves.
 */
export class TenantDirectory {
  readonly #options: DirectoryOptions;
  readonly #known = new Map<string, TenantRecord>();
  readonly #refreshing: Refresh;
  #version: number | null = null;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#refreshing = new Refresh(options.settings, () => this.#refresh());
  }

  /** @throws MultiOutboxError UNKNOWN_TENANT, or what the registry throws when the tenant is not known yet */
  async get(tenantId: string): Promise<TenantRecord> {
    await this.refreshIfDue();
    const known = this.#known.get(tenantId);
    if (known) return known;
    const tenant = await this.#options.registry.get(tenantId);
    if (tenant === null) throw unknownTenant(tenantId);
    this.remember(tenant);
    return tenant;
  }

  /** Asks for changes if that is due. Never rejects. */
  async refreshIfDue(): Promise<void> {
    // Until a first version is known, changes to a tenant read meanwhile could be missed for ever.
    await (this.#refreshing.startIfDue() ?? (this.#version === null ? this.#refreshing.running : undefined));
  }

  /** Takes in a tenant that came by another way, unless a newer one is known. */
  remember(tenant: TenantRecord): void {
    const known = this.#known.get(tenant.id);
    if (known && known.version > tenant.version) return;
    this.#known.set(tenant.id, tenant);
    if (known && known.version < tenant.version) this.#options.onChange(tenant);
  }

  async #refresh(): Promise<boolean> {
    const { registry, logger } = this.#options;
    try {
      const { version, tenants } = await registry.changesSince(this.#version ?? this.#oldestKnown());
      // Also those not asked for yet: an older answer of theirs may still be on its way.
      for (const tenant of tenants) this.remember(tenant);
      this.#version = version;
      return true;
    } catch (error) {
      logger.warn('The tenants could not be refreshed; the last good list serves.', {
        error: error instanceof Error ? error.message : undefined,
      });
      return false;
    }
  }

  /** Where to begin when the first refresh failed and tenants became known meanwhile. */
  #oldestKnown(): number | null {
    if (this.#known.size === 0) return null;
    return [...this.#known.values()].reduce(
      (oldest, { version }) => Math.min(oldest, version),
      Number.MAX_SAFE_INTEGER,
    );
  }
}
