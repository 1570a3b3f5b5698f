import type { ResolveHost } from '../host-resolver.ts';
import { unlessAborted } from '../unless-aborted.ts';
import { TenantSlots } from './tenant-slots.ts';

/** Look-ups of one tenant at a time. Others of it wait, so names that are never answered cost few sockets. */
const perTenant = 4;
/** Milliseconds. Long enough to ask two name servers once each, and the first of them again (see host-resolver.ts). */
const longestMs = 5_000;

/** Looks up host names for tenants: each look-up has a time limit, and each tenant a share. */
export class HostLookups {
  readonly #resolve: ResolveHost;
  readonly #longestMs: number;
  readonly #slots = new TenantSlots({ total: Number.POSITIVE_INFINITY, perTenant });

  constructor(resolve: ResolveHost, { timeoutMs = longestMs }: { readonly timeoutMs?: number } = {}) {
    this.#resolve = resolve;
    this.#longestMs = timeoutMs;
  }

  /** @throws the signal's reason when it fires; an Error with the code ETIMEOUT after the time limit; the resolver's error */
  find(hostname: string, tenantId: string, signal: AbortSignal): Promise<readonly string[]> {
    return this.#slots.use(tenantId, () => this.#limited(hostname, signal), signal);
  }

  async #limited(hostname: string, signal: AbortSignal): Promise<readonly string[]> {
    const limit = new AbortController();
    const timer = setTimeout(() => {
      const error = new Error('The name servers did not answer in time.');
      limit.abort(Object.assign(error, { code: 'ETIMEOUT' }));
    }, this.#longestMs);
    const either = AbortSignal.any([signal, limit.signal]);
    try {
      return await unlessAborted(() => this.#resolve(hostname, either), either);
    } finally {
      clearTimeout(timer);
    }
  }
}
