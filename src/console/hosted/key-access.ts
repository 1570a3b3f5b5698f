/**
 * Access by a key that the host of the app checks, such as a function key. A browser's navigation and its requests for scripts
 * cannot carry such a key, so whoever has it gets a cookie for it: signed, so that every instance knows it, and short-lived,
 * because nothing else ends it.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { MultiOutboxError } from '../../errors.ts';
import { Refusal } from '../answer.ts';
import { cookieOf, sameText } from '../cookie.ts';
import { isPage } from '../page-route.ts';
import { notSignedIn, refusalResponse } from '../responses.ts';
import type { Authorize, Right } from '../rights.ts';
import { securityHeaders } from '../security-headers.ts';
import { signInPage } from './sign-in-page.ts';

/**
 * Browsers take a cookie of this prefix only with Secure, for Path=/ and for one host: a neighbour under the same domain cannot
 * set another one in its place. The signature binds it to the console's path.
 */
const cookieName = '__Host-multi-outbox-console';
/** Long enough for one trouble. Whoever has lost the key is out after it. */
const sessionMs = 3_600_000;
/** As many characters as 16 random bytes have in hex. */
const leastSecret = 32;

export interface KeyAccessOptions {
  /** Signs the cookies; at least 32 characters. All instances have the same; another one ends all sessions. */
  readonly secret: string | undefined;
  readonly rights: readonly Right[];
  readonly basePath: string;
  /** The path that takes the key in the header `x-functions-key`, and answers with `signIn`. */
  readonly signInPath: string;
  /** Milliseconds since 1970. Default: the clock. */
  readonly now?: () => number;
}

export class KeyAccess {
  readonly #secret: string;
  readonly #rights: readonly Right[];
  readonly #basePath: string;
  readonly #page: ReturnType<typeof signInPage>;
  readonly #now: () => number;

  /** @throws MultiOutboxError INVALID_CONFIGURATION without a secret */
  constructor({ secret = '', rights, basePath, signInPath, now = Date.now }: KeyAccessOptions) {
    if (secret.length < leastSecret)
      throw new MultiOutboxError(
        'INVALID_CONFIGURATION',
        `The console is set to 'key', but nothing signs its cookies: set MULTI_OUTBOX_CONSOLE_SECRET to at least ${leastSecret} random characters, the same for all instances.`,
      );
    this.#secret = secret;
    this.#rights = rights;
    this.#basePath = basePath;
    this.#page = signInPage(signInPath);
    this.#now = now;
  }

  readonly authorize: Authorize = (request, { right, route }) => {
    if (this.#isSignedIn(request))
      // Looking is what every session is for.
      return right === 'look' || this.#rights.includes(right) ? { actor: 'function key' } : false;
    if (isPage(route) && request.method === 'GET') return this.#askForKey();
    return notSignedIn();
  };

  /** The answer to a request whose key the host has checked. Only the console's own page gets a cookie. */
  signIn(request: Request): Response {
    if (request.headers.get('sec-fetch-site') !== 'same-origin')
      return refusalResponse(
        new Refusal(403, 'FOREIGN_SITE', 'Sign in on the page of the console; it sends the key.'),
      );
    const until = (this.#now() + sessionMs).toString(36);
    const nonce = randomBytes(16).toString('base64url');
    const value = `${until}.${nonce}.${this.#signature(request, until, nonce)}`;
    const age = `Max-Age=${sessionMs / 1_000}`;
    // Lax, so that a link in an alert opens the console; data and acts are refused to other sites by Sec-Fetch-Site.
    return new Response(null, {
      status: 204,
      headers: {
        ...securityHeaders,
        'cache-control': 'no-store',
        'set-cookie': `${cookieName}=${value}; Path=/; ${age}; HttpOnly; Secure; SameSite=Lax`,
      },
    });
  }

  #isSignedIn(request: Request): boolean {
    const [until, nonce, signature, ...more] = cookieOf(request, cookieName)?.split('.') ?? [];
    if (until === undefined || nonce === undefined || signature === undefined || more.length > 0)
      return false;
    if (!sameText(signature, this.#signature(request, until, nonce))) return false;
    return this.#now() < Number.parseInt(until, 36);
  }

  /** For one host name and path: another app with the same secret takes no cookie of this one. */
  #signature(request: Request, until: string, nonce: string): string {
    const signed = ['multi-outbox-console', new URL(request.url).host, this.#basePath, until, nonce];
    return createHmac('sha256', this.#secret).update(signed.join('\n')).digest('base64url');
  }

  #askForKey(): Response {
    return new Response(this.#page.document, {
      status: 401,
      headers: {
        ...securityHeaders,
        'content-security-policy': this.#page.policy,
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
      },
    });
  }
}
