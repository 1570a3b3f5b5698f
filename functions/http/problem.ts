/** Turns errors into HTTP problem details (RFC 9457) that show a caller no internals. */
import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { type ErrorCode, errorText, isMultiOutboxError, type MultiOutboxError } from '../../src/index.ts';
import { discardBody } from './body.ts';
import { HttpRefusal } from './refusal.ts';

/**
 * Errors that the caller caused. Their messages are safe to show, except the two that tell operators which command to
 * run; these two errors have a text for callers.
 */
const callers: Partial<Record<ErrorCode, readonly [status: number, title: string, detail?: string]>> = {
  INVALID_ARGUMENT: [400, 'Invalid request'],
  INVALID_MESSAGE: [400, 'Invalid message'],
  UNKNOWN_TENANT: [404, 'Unknown tenant', 'There is no tenant of this id. Check the URL.'],
  TENANT_NOT_ACTIVE: [
    409,
    'Tenant not active',
    'This tenant is paused or retired. Send the request again when it is active.',
  ],
};

const retryAfterSeconds = 5;

/** Wraps a handler so that its errors become problem details. Internal details appear only in the invocation's log. */
export function answering(
  handler: (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit>,
) {
  return async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => {
    try {
      return await handler(request, context);
    } catch (error) {
      return problemOf(error, context);
    } finally {
      await discardBody(request);
    }
  };
}

function problemOf(error: unknown, context: InvocationContext): HttpResponseInit {
  if (error instanceof HttpRefusal) return problem(context, error.status, error.title, error.message);
  if (!isMultiOutboxError(error)) {
    context.error(`The request failed: ${errorText(error)}`);
    return problem(context, 500, 'Internal error', 'The log of this invocation has the reason.');
  }
  const { code, message } = error;
  const known = Object.hasOwn(callers, code) ? callers[code] : undefined;
  if (known !== undefined) {
    const [status, title, detail = message] = known;
    return problem(context, status, title, detail, code);
  }
  context.error(`The request failed (${code}): ${message}`);
  if (isPassing(error)) {
    const answer = problem(context, 503, 'Not available', 'Try again later.', code);
    return { ...answer, headers: { ...answer.headers, 'retry-after': String(retryAfterSeconds) } };
  }
  return problem(context, 500, 'Not possible', 'The log of this invocation has the reason.', code);
}

/** The same request may succeed later, here or on another instance. */
function isPassing({ code, transient }: MultiOutboxError): boolean {
  return transient || code === 'CLOSED' || code === 'ABORTED' || code === 'DATABASE_RESUMING';
}

function problem(
  { invocationId }: InvocationContext,
  status: number,
  title: string,
  detail: string,
  code?: ErrorCode,
) {
  const type = code === undefined ? 'about:blank' : `urn:multi-outbox:error:${code}`;
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    body: JSON.stringify({ type, title, status, detail, instance: `urn:invocation:${invocationId}`, code }),
  };
}
