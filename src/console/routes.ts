/** The route table: every address of the console, whom it asks for which right, and what it touches. */
import type { Assets } from './assets.ts';
import type { Route } from './route.ts';
import { auditRoutes } from './routes/audit.ts';
import { doctorRoutes } from './routes/doctor.ts';
import { errorRoutes } from './routes/errors.ts';
import { fleetRoutes } from './routes/fleet.ts';
import { leaseRoutes } from './routes/leases.ts';
import { manyTenantsRoutes } from './routes/many-tenants.ts';
import { messageRoutes } from './routes/messages.ts';
import { operationRoutes } from './routes/operations.ts';
import { pageRoutes } from './routes/page.ts';
import { pulseRoutes } from './routes/pulse.ts';
import { sessionRoutes } from './routes/session.ts';
import { tenantActRoutes } from './routes/tenant-acts.ts';
import { tenantRoutes } from './routes/tenants.ts';

export function routeTable(assets: Assets, basePath: string): readonly Route[] {
  return [...pageRoutes(assets, basePath), ...apiRoutes];
}

export const apiRoutes: readonly Route[] = [
  ...sessionRoutes,
  ...pulseRoutes,
  ...tenantRoutes,
  ...tenantActRoutes,
  ...manyTenantsRoutes,
  ...messageRoutes,
  ...errorRoutes,
  ...operationRoutes,
  ...auditRoutes,
  ...fleetRoutes,
  ...leaseRoutes,
  ...doctorRoutes,
];
