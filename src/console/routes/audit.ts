import * as v from 'valibot';
import type { AuditRow } from '../../fleet/messages/audited.ts';
import { foldedError } from '../../fleet/messages/errors.ts';
import { json } from '../answer.ts';
import { tenantId, uuid } from '../parameters.ts';
import { type Route, route } from '../route.ts';

export type { AuditRow };

export const auditRoutes: readonly Route[] = [
  route({
    name: 'audit.list',
    method: 'GET',
    path: '/api/audit',
    rights: ['look'],
    touches: 'registry',
    parameters: v.strictObject({
      before: v.optional(v.pipe(v.string(), v.regex(/^\d{1,19}$/))),
      tenant: v.optional(tenantId),
      operation: v.optional(uuid),
    }),
    tenants: ({ tenant }) => (tenant === undefined ? [] : [tenant]),
    async handle({ multiOutbox }, { before, tenant, operation }) {
      const rows = await multiOutbox.messages.audit({
        limit: 100,
        ...(before !== undefined && { before }),
        ...(tenant !== undefined && { tenantId: tenant }),
        ...(operation !== undefined && { operationId: operation }),
      });
      // An error may quote what was given, or a part of a payload.
      return json(rows.map((row) => ({ ...row, error: row.error && foldedError(row.error) })));
    },
  }),
];
