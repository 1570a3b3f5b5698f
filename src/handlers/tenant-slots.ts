interface TenantQueue {
  inUse: number;
  readonly waiting: (() => void)[];
}

export interface SlotCounts {
  /** How many callers work at once, of all tenants. */
  readonly total: number;
  /** How many callers of one tenant work at once. */
  readonly perTenant: number;
}

/**
 * Shares a limited resource among tenants. One tenant never gets all slots, and tenants that wait take turns, so a
 * tenant whose calls hang delays only its own next calls (D8).
 */
export class TenantSlots {
  readonly #counts: SlotCounts;
  #inUse = 0;
  /** Only tenants that use a slot or wait for one; the tenant that has waited longest for its turn comes first. */
  readonly #tenants = new Map<string, TenantQueue>();

  constructor(counts: SlotCounts) {
    this.#counts = counts;
  }

  /** Runs `work` with a slot. @throws the signal's reason when it fires before a slot is free */
  async use<T>(tenantId: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const tenant = this.#tenants.get(tenantId) ?? { inUse: 0, waiting: [] };
    this.#tenants.set(tenantId, tenant);
    if (this.#isFree(tenant)) this.#take(tenant);
    else await this.#turn(tenantId, tenant, signal);
    try {
      return await work();
    } finally {
      tenant.inUse--;
      this.#inUse--;
      this.#forgetIfUnused(tenantId, tenant);
      this.#admit();
    }
  }

  #isFree({ inUse }: TenantQueue): boolean {
    return this.#inUse < this.#counts.total && inUse < this.#counts.perTenant;
  }

  #take(tenant: TenantQueue): void {
    tenant.inUse++;
    this.#inUse++;
  }

  #turn(tenantId: string, tenant: TenantQueue, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        tenant.waiting.splice(tenant.waiting.indexOf(enter), 1);
        this.#forgetIfUnused(tenantId, tenant);
        reject(signal.reason);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      tenant.waiting.push(enter);
    });
  }

  /** Gives each free slot to the next tenant in turn that may have one. */
  #admit(): void {
    for (const [tenantId, tenant] of [...this.#tenants]) {
      if (this.#inUse >= this.#counts.total) return;
      if (tenant.waiting.length === 0 || !this.#isFree(tenant)) continue;
      this.#take(tenant);
      tenant.waiting.shift()!();
      this.#tenants.delete(tenantId);
      this.#tenants.set(tenantId, tenant);
    }
  }

  #forgetIfUnused(tenantId: string, tenant: TenantQueue): void {
    if (tenant.inUse === 0 && tenant.waiting.length === 0) this.#tenants.delete(tenantId);
  }
}
