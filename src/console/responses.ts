/** Responses of answers and of errors. */
import { createHash } from 'node:crypto';
import { type ErrorCode, isMultiOutboxError } from '../errors.ts';
import { type Answer, Refusal } from './answer.ts';
import { securityHeaders } from './security-headers.ts';

/** The header with the time of which an answer is true. It also comes with 304, when the body is the same as before. */
export const asOfHeader = 'console-as-of';

export function responseOf(request: Request, { body, type, cache, asOf, fileName }: Answer): Response {
  const headers: Record<string, string> = {
    ...securityHeaders,
    'content-type': `${type}; charset=utf-8`,
    'cache-control': cache === 'forever' ? 'private, max-age=31536000, immutable' : 'private, no-cache',
    ...(asOf && { [asOfHeader]: asOf.toISOString() }),
    ...(fileName !== undefined && { 'content-disposition': `attachment; filename="${fileName}"` }),
  };
  if (cache === 'unchanged' && request.method === 'GET') {
    headers.etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    if (request.headers.get('if-none-match') === headers.etag)
      return new Response(null, { status: 304, headers });
  }
  return new Response(body, { headers });
}

/** What the page gets of an error, with status 400 and above. */
export interface ErrorAnswer {
  readonly error: { readonly code: string; readonly message: string };
}

export function refusalResponse(
  { status, code, message }: Refusal,
  more: Record<string, string> = {},
): Response {
  return new Response(JSON.stringify({ error: { code, message } } satisfies ErrorAnswer), {
    status,
    headers: {
      ...securityHeaders,
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...more,
    },
  });
}

/** The answer to a request of whoever is not signed in, where a page cannot ask for it. */
export const notSignedIn = (): Response =>
  refusalResponse(
    new Refusal(401, 'UNAUTHORIZED', 'You are not signed in, or no more. Load the page again.'),
  );

/** What a request caused itself. The library's texts repeat parts of the request; these do not. */
const caused: Partial<Record<ErrorCode, readonly [status: number, text: string]>> = {
  INVALID_ARGUMENT: [400, 'A value of the request is not one that this address takes.'],
  INVALID_MESSAGE: [
    422,
    'The new message is refused: its payload does not satisfy the handler’s schema, or is larger than a message may be.',
  ],
  INVALID_TENANT: [422, 'The new values of the tenant are refused: one of them is outside its bounds.'],
  TENANT_CHANGED: [
    409,
    'The tenant has changed since the page has shown it. Look at its values now, and change it again.',
  ],
  UNKNOWN_TENANT: [404, 'There is no such tenant.'],
  MESSAGE_NOT_FOUND: [404, 'There is no such message; it may have been removed after the retention period.'],
  OPERATION_NOT_FOUND: [404, 'There is no such operation.'],
  MESSAGE_CHANGED: [
    409,
    'The message has changed since it was read: it is in flight, has ended, or was changed by somebody else. Read it again.',
  ],
  OPERATION_CANCELLED: [
    409,
    'The operation has ended, or was cancelled; count again to act on what matches now.',
  ],
  TENANT_NOT_ACTIVE: [409, 'The tenant is paused or retired; resume it first.'],
  DATABASE_IN_USE: [409, 'Another tenant has this database.'],
  CLOSED: [503, 'The host of this console is stopping.'],
};

/** Where a host keeps its files is not for whoever may look: of an absolute path, the name of the file is left. */
export function withoutFolders(message: string): string {
  return message.replace(/(?<![\w.:/\\])(?:[A-Za-z]:)?[\\/](?:[^'"\\/\n]*[^\s'"\\/][\\/])+/g, '…/');
}

/** Other errors of the library have texts for operators, without payloads and secrets. Of any other error only the log has the text. */
export function refusalOfError(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (isMultiOutboxError(error)) {
    const [status, text] = caused[error.code] ?? [error.transient ? 503 : 500, withoutFolders(error.message)];
    return new Refusal(status, error.code, text);
  }
  return new Refusal(500, 'INTERNAL', 'The console failed; the log of its host has the reason.');
}
