/** What the server's routes say of operations. The page has only types of the server, so the compiler compares the values. */
import type * as served from '../operation-rules.ts';

export const operationPaths: typeof served.operationPaths = {
  act: '/api/operations',
  destroy: '/api/operations-destructive',
  configure: '/api/operations-configuring',
};

export const mostTenants: typeof served.mostTenants = 100_000;
