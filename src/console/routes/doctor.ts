import * as v from 'valibot';
import type { Diagnosis } from '../../fleet/operations/doctor.ts';
import { json } from '../answer.ts';
import { tenantIds } from '../parameters.ts';
import { withoutFolders } from '../responses.ts';
import { type Route, route } from '../route.ts';

export type { Diagnosis };

/** Findings name files, where a host has them. */
const withoutPlaces = ({ findings, ...diagnosis }: Diagnosis): Diagnosis => ({
  ...diagnosis,
  findings: findings.map((finding) => ({ ...finding, message: withoutFolders(finding.message) })),
});

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
      const diagnoses = await multiOutbox.doctor({ tenants: ids ?? [], parallel: mostTenants });
      return json(diagnoses.map(withoutPlaces));
    },
  }),
];
