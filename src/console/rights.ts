/** What an operator may do in the console. The host decides, request by request; the console asks before each handler. */
import { rightNames } from '../settings.ts';

/**
 * `look`: see everything but what messages contain; errors are without numbers, ids and quoted texts, which may be parts of
 * payloads. `payload`: see a message's payload, headers and errors in full. `act`: what can be undone or repeated, such as
 * wake, pause and replay. `destroy`: what cannot be undone, such as discard and cancel; an edit needs `payload` and `destroy`.
 * `configure`: change the overrides of tenants.
 */
export const rights = rightNames;
export type Right = (typeof rights)[number];

/** What the console asks about a request. */
export interface Asked {
  readonly right: Right;
  /** The name of the route, such as `tenants.list`. */
  readonly route: string;
  /**
   * The tenant in the request's path. Null when the path has none: the request is about the fleet, so refuse it to whoever may
   * see only some tenants. The console asks again, before it does anything, for each tenant that the request names elsewhere.
   */
  readonly tenantId: string | null;
}

/** Who is allowed to go on. */
export interface Operator {
  /** Who acts, for the record of acts: 1 to 200 characters. */
  readonly actor: string;
}

/**
 * Decides about every request, the one for a style sheet included. `false`: refused with status 403. A `Response` is sent as
 * it is, for instance a redirect to a login. An error refuses the request with status 500.
 */
export type Authorize = (
  request: Request,
  asked: Asked,
) => Operator | Response | false | Promise<Operator | Response | false>;
