/** Who may use a console on this computer: whoever opened the address that the terminal showed. */
import { randomBytes } from 'node:crypto';
import { Refusal } from '../answer.ts';
import { cookieOf, sameText } from '../cookie.ts';
import { refusalResponse } from '../responses.ts';
import type { Authorize, Right } from '../rights.ts';
import { securityHeaders } from '../security-headers.ts';

const cookieName = 'multi-outbox-console';
const secret = () => randomBytes(32).toString('base64url');

/**
 * The token in the printed address works once and becomes a cookie. Cookies are the same for all ports of a host, so the
 * console has a path at random: a browser sends the cookie to no other program on this computer.
 */
export class LocalAccess {
  readonly basePath = `/${randomBytes(9).toString('base64url')}`;
  readonly #cookie = secret();
  #token: string | null = secret();
  readonly #rights: readonly Right[];
  readonly #actor: string;

  constructor(rights: readonly Right[], actor: string) {
    this.#rights = rights;
    this.#actor = actor;
  }

  /** @param origin such as 'http://127.0.0.1:8080' */
  address(origin: string): string {
    return `${origin}${this.basePath}/?token=${this.#token}`;
  }

  readonly authorize: Authorize = (request, { right }) => {
    if (sameText(cookieOf(request, cookieName), this.#cookie))
      return this.#rights.includes(right) ? { actor: this.#actor } : false;
    const url = new URL(request.url);
    const token = url.searchParams.get('token');
    if (request.method === 'GET' && url.pathname === `${this.basePath}/` && sameText(token, this.#token))
      return this.#entered();
    return refusalResponse(
      new Refusal(
        401,
        'UNAUTHORIZED',
        "Open the address that the command has printed. It works once; 'multi-outbox ui' prints a new one.",
      ),
    );
  };

  #entered(): Response {
    this.#token = null;
    return new Response(null, {
      status: 303,
      headers: {
        ...securityHeaders,
        'cache-control': 'no-store',
        location: `${this.basePath}/`,
        // Strict would leave it out of the redirect when a page of another site has the link. Data and acts ask Sec-Fetch-Site.
        'set-cookie': `${cookieName}=${this.#cookie}; Path=${this.basePath}/; HttpOnly; SameSite=Lax`,
      },
    });
  }
}
