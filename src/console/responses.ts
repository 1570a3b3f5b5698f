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

const statuses: Partial<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 400,
  INVALID_MESSAGE: 422,
  INVALID_TENANT: 422,
  UNKNOWN_TENANT: 404,
  MESSAGE_NOT_FOUND: 404,
  OPERATION_NOT_FOUND: 404,
  MESSAGE_CHANGED: 409,
  OPERATION_CANCELLED: 409,
  TENANT_NOT_ACTIVE: 409,
  DATABASE_IN_USE: 409,
};

/** The library's errors have texts for operators, without payloads and secrets. Of any other error only the log has the text. */
export function refusalOfError(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (isMultiOutboxError(error))
    return new Refusal(statuses[error.code] ?? (error.transient ? 503 : 500), error.code, error.message);
  return new Refusal(500, 'INTERNAL', 'The console failed; the log of its host has the reason.');
}
