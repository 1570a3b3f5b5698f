/** Acts on tenants that need no database of theirs. */
import type { TenantStatus } from '../../engine/tenant-status.ts';
import type { RouteContext } from '../route.ts';

interface TenantAct {
  /** The tenants that it changes. */
  readonly status: TenantStatus;
  act(context: Pick<RouteContext, 'multiOutbox' | 'operator'>, tenantId: string): Promise<unknown>;
}

export const tenantActs = {
  wake: {
    status: 'active',
    act: ({ multiOutbox, operator }, id) => multiOutbox.tenants.wake(id, { by: operator.actor }),
  },
  pause: {
    status: 'active',
    act: ({ multiOutbox, operator }, id) => multiOutbox.tenants.pause(id, { by: operator.actor }),
  },
  resume: {
    status: 'paused',
    act: ({ multiOutbox, operator }, id) => multiOutbox.tenants.resume(id, { by: operator.actor }),
  },
} satisfies Record<string, TenantAct>;
export type TenantActName = keyof typeof tenantActs;
