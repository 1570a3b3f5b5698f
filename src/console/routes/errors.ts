import * as v from 'valibot';
import type { ErrorGroup } from '../../fleet/messages/errors.ts';
import { json } from '../answer.ts';
import { queue, text } from '../parameters.ts';
import { withoutFolders } from '../responses.ts';
import { type Route, route } from '../route.ts';
import { withDead } from '../tenants/with-dead.ts';

/** So many tenants' databases are read for the groups, those with the most dead messages first. */
const mostTenants = 200;

const mostGroups = 100;

export interface ErrorsAnswer {
  /** The largest ones; `groupsInAll` counts the others too. */
  readonly groups: readonly ErrorGroup[];
  readonly groupsInAll: number;
  readonly count: number;
  /** How many tenants were read, and how many have dead messages by the registry's counts. */
  readonly tenants: number;
  readonly withDead: number;
  /** How many tenants have more dead messages than were read. */
  readonly cut: number;
  readonly failures: readonly {
    readonly tenantId: string;
    readonly code: string;
    readonly message: string;
  }[];
}

export const errorRoutes: readonly Route[] = [
  route({
    name: 'errors.list',
    method: 'GET',
    path: '/api/errors',
    rights: ['look'],
    touches: 'tenant',
    parameters: v.strictObject({ q: v.optional(text(500), ''), queue: v.optional(queue, 'outbox') }),
    async handle(context, { q, queue: name }) {
      const dead = await withDead(context, q);
      const read = await context.multiOutbox.messages.errors({
        queue: name,
        tenants: dead.slice(0, mostTenants).map(({ id }) => id),
        examine: 5_000,
      });
      const { groups, count, tenants, cut, failures } = read;
      const answer: ErrorsAnswer = {
        groups: groups.slice(0, mostGroups),
        groupsInAll: groups.length,
        count,
        tenants,
        withDead: dead.length,
        cut: cut.length,
        failures: failures
          .slice(0, 20)
          .map((failure) => ({ ...failure, message: withoutFolders(failure.message) })),
      };
      return json(answer);
    },
  }),
];
