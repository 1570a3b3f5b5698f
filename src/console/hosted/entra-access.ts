/**
 * Access by Entra ID, where App Service authentication stands in front of the app. The platform checks the token or the session,
 * takes the header below away from every request, and sets it for those that are signed in
 * (https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities).
 */
import * as v from 'valibot';
import { MultiOutboxError } from '../../errors.ts';
import { safeParse } from '../../safe-parse.ts';
import { isPage } from '../page-route.ts';
import { notSignedIn } from '../responses.ts';
import { type Authorize, type Right, rights } from '../rights.ts';
import { securityHeaders } from '../security-headers.ts';

const principalHeader = 'x-ms-client-principal';
/** Set by the platform, read-only: https://learn.microsoft.com/azure/app-service/reference-app-settings */
const enabledVariable = 'WEBSITE_AUTH_ENABLED';

/** The app role of a right. Any of them also gives the right to look. */
export const roleOf = (right: Right) => `multi-outbox.${right}`;

const principal = v.object({
  auth_typ: v.literal('aad'),
  role_typ: v.optional(v.string(), 'roles'),
  name_typ: v.optional(v.string(), 'name'),
  claims: v.array(v.object({ typ: v.string(), val: v.string() })),
});
type Principal = v.InferOutput<typeof principal>;

/** Claims that name a person, the one that people read first. */
const nameClaims = ['preferred_username', 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn'];
const idClaims = ['oid', 'http://schemas.microsoft.com/identity/claims/objectidentifier'];
const directoryClaims = ['tid', 'http://schemas.microsoft.com/identity/claims/tenantid'];
const longestActor = 200;
const longestId = 100;

export interface EntraAccessOptions {
  /** Of the console; a sign-in leads back to it. */
  readonly basePath: string;
  /** The id of the Entra ID directory whose roles count. In another one, its administrators give out roles of the same names. */
  readonly directory: string | undefined;
  /** Default: the environment of the process. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * @throws MultiOutboxError INVALID_CONFIGURATION when App Service authentication is off, because then every caller could send
 * the header; and without the directory
 */
export function entraAccess({ basePath, directory, env = process.env }: EntraAccessOptions): Authorize {
  if (env[enabledVariable]?.toLowerCase() !== 'true') {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `The console is set to 'entra', but App Service authentication is not enabled for this app (${enabledVariable} is not true), so every caller could claim to be signed in. Enable it with Entra ID as its provider, or set MULTI_OUTBOX_CONSOLE to 'off'.`,
    );
  }
  if (directory === undefined) {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      "The console is set to 'entra', but it does not know whose roles count: set MULTI_OUTBOX_CONSOLE_ENTRA_DIRECTORY to the id of the Entra ID directory of this app.",
    );
  }
  return (request, { right, route }) => {
    const signedIn = principalOf(request);
    if (signedIn === null) return isPage(route) ? toSignIn(basePath) : notSignedIn();
    return rightsOf(signedIn, directory).has(right) ? { actor: actorOf(signedIn) } : false;
  };
}

/** Null without a header that can be read. */
function principalOf(request: Request): Principal | null {
  const header = request.headers.get(principalHeader);
  if (header === null) return null;
  try {
    const parsed = safeParse(principal, JSON.parse(Buffer.from(header, 'base64').toString('utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

function valuesOf({ claims }: Principal, types: readonly string[]): string[] {
  return claims.filter(({ typ }) => types.includes(typ)).map(({ val }) => val);
}

function rightsOf(signedIn: Principal, directory: string): ReadonlySet<Right> {
  const from = valuesOf(signedIn, directoryClaims);
  if (from.length === 0 || from.some((id) => id.toLowerCase() !== directory.toLowerCase())) return new Set();
  const roles = valuesOf(signedIn, [signedIn.role_typ, 'roles']);
  const given = rights.filter((right) => roles.includes(roleOf(right)));
  return new Set(given.length === 0 ? [] : ['look', ...given]);
}

/**
 * Who is signed in, for the record of acts: a name that people read, and the object id, which stays the same when the name
 * changes or is given to another person.
 */
function actorOf(signedIn: Principal): string {
  const first = (types: readonly string[]) =>
    types
      .flatMap((type) => valuesOf(signedIn, [type]))
      .map((each) => each.replace(/[\p{Cc}\p{Cs}]/gu, '').trim())
      .find((each) => each !== '');
  const name = first([...nameClaims, signedIn.name_typ]);
  const id = first(idClaims)?.slice(0, longestId);
  if (name === undefined) return id ?? 'someone of Entra ID';
  const suffix = id === undefined ? '' : ` (${id})`;
  return `${name.slice(0, longestActor - suffix.length).toWellFormed()}${suffix}`;
}

function toSignIn(basePath: string): Response {
  const back = encodeURIComponent(`${basePath}/`);
  return new Response(null, {
    status: 302,
    headers: {
      ...securityHeaders,
      'cache-control': 'no-store',
      location: `/.auth/login/aad?post_login_redirect_uri=${back}`,
    },
  });
}
