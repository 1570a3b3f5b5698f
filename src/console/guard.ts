/** What is refused before a handler sees a request: foreign hosts, requests that other sites caused, missing rights. */
import { isKnownHost } from '../known-host.ts';
import { Refusal } from './answer.ts';
import type { Authorize, Operator, Right } from './rights.ts';
import type { Match, Route } from './route.ts';

/** Longer addresses are refused unread; the longest that the page uses names 100 tenants. */
const longestUrl = 8_192;

export function checkUrl(request: Request): URL {
  if (request.url.length > longestUrl) throw new Refusal(414, 'URI_TOO_LONG', 'The address is too long.');
  return new URL(request.url);
}

export function checkHost(url: URL, hosts: readonly string[] | undefined): void {
  if (isKnownHost(url.host, hosts)) return;
  throw new Refusal(421, 'UNKNOWN_HOST', 'This host name is not one of the console.');
}

/**
 * Against requests that other sites cause. A browser says who caused a request (Sec-Fetch-Site), and scripts cannot change
 * that. Data and acts are for the console's own page; the document may be opened from a link anywhere.
 */
export function checkOrigin(request: Request, kind: Route['kind'] | undefined): void {
  const site = request.headers.get('sec-fetch-site');
  if (request.method !== 'GET') {
    if (site === 'same-origin') return;
    throw new Refusal(403, 'FOREIGN_SITE', 'Acts are taken only from the page of this console itself.');
  }
  if (site === null || site === 'same-origin' || site === 'none') return;
  const opensDocument =
    request.headers.get('sec-fetch-mode') === 'navigate' &&
    request.headers.get('sec-fetch-dest') === 'document';
  if (kind === 'page' && opensDocument) return;
  throw new Refusal(403, 'FOREIGN_SITE', 'Another site caused this request.');
}

/**
 * Asks for all rights of the route, for one tenant.
 * @throws Refusal; returns the response that the host's callback has chosen, or who is allowed
 */
export async function authorized(
  authorize: Authorize,
  request: Request,
  match: Match | undefined,
  tenantId: string | null = match?.named.tenant ?? null,
  name = match?.route.name ?? 'unknown',
): Promise<Operator | Response> {
  let operator: Operator | undefined;
  // An address that does not exist tells a stranger as little as one that does.
  for (const right of match?.route.rights ?? (['look'] as const)) {
    const decision = await authorize(request, { right, route: name, tenantId });
    if (decision instanceof Response) return decision;
    if (decision === false) throw forbidden(right);
    if (typeof decision?.actor !== 'string')
      throw new TypeError('authorize must return { actor }, a Response or false');
    operator ??= decision;
  }
  return operator!;
}

/** Asks for the tenants that a request names elsewhere than in its path. @param name of a route; default: of this one. @throws Refusal */
export async function authorizedFor(
  authorize: Authorize,
  request: Request,
  match: Match,
  tenantIds: readonly string[],
  name?: string,
): Promise<void> {
  for (const tenantId of new Set(tenantIds)) {
    const decision = await authorized(authorize, request, match, tenantId, name);
    if (decision instanceof Response) throw forbidden(match.route.rights[0]);
  }
}

function forbidden(right: Right): Refusal {
  return new Refusal(403, 'FORBIDDEN', `This needs the right '${right}'.`);
}
