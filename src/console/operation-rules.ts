/** Which right an operation needs, and where; page/operation-rules.ts has the same values. */
import type { OnMessages, OnTenants } from '../fleet/stored-operations/operation.ts';

/** The operations of each right have addresses of their own, because a route asks for its right before it reads anything. */
export const operationPaths = {
  act: '/api/operations',
  destroy: '/api/operations-destructive',
  configure: '/api/operations-configuring',
} as const;
export type OperationRight = keyof typeof operationPaths;

/** So many tenants has an operation of the page. */
export const mostTenants = 100_000 as const;

/** The right that an operation needs. */
export function rightOf({ act: { act } }: Pick<OnMessages | OnTenants, 'act'>): OperationRight {
  if (act === 'discard' || act === 'cancel') return 'destroy';
  return act === 'change-overrides' ? 'configure' : 'act';
}
