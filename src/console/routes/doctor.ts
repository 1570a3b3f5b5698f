import * as v from 'valibot';
import type { Diagnosis } from '../../fleet/operations/doctor.ts';
import { json } from '../answer.ts';
import { tenantIds } from '../parameters.ts';
import { type Route, route } from '../route.ts';

export type { Diagnosis };

/** So many databases are checked at once by one request: an answer waits for no more than the slowest of them. */
const mostTenants = 10;

export const doctorRoutes: readonly Route[] = [
  route({
    name: 'doctor.check',
    method: 'GET',
    path: '/api/doctor',
    rights: ['look'],
    touches: 'tenant',
    parameters: v.strictObject({
      /** Absent: only the registry, which is checked by every request. */
      ids: v.optional(tenantIds(mostTenants)),
    }),
    tenants: ({ ids }) => ids ?? [],
    async handle({ multiOutbox }, { ids }) {
      return json(await multiOutbox.doctor({ tenants: ids ?? [], parallel: mostTenants }));
    },
  }),
];
