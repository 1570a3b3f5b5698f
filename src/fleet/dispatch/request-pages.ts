/**
 * Pages of dispatch requests. A host that writes queue messages one after another would take too long for a plan of
 * many thousand tenants. A plan therefore sends pages, and the function that receives a page sends its requests.
 */
import * as v from 'valibot';
import { isList, MultiOutboxError, propertyOf, shownValue } from '../../errors.ts';
import type { DispatchRequest } from '../dispatch-request.ts';
import { queueMessageBytes, readQueueText } from './queue-text.ts';
import { requestFields } from './request-format.ts';

const { version, plannedUtc, traceparent, tenantId, reason, idleStreak, failureStreak, lastRunUtc } =
  requestFields;
/** A row without field names, because the size of a queue message limits how many tenants a page has. */
const rowSchema = v.tuple([tenantId, reason, idleStreak, failureStreak, lastRunUtc]);
export const pageSchema = v.object({
  version,
  plannedUtc,
  traceparent: v.optional(traceparent),
  requests: v.pipe(v.array(rowSchema), v.minLength(1)),
});

/** Requests of one plan, as plain JSON no larger than a queue message may be. */
export type RequestPage = v.InferOutput<typeof pageSchema>;

/**
 * @param requests the requests of one plan, which share its time and trace context
 * @param pageSize the most requests of a page
 * @throws MultiOutboxError INVALID_ARGUMENT
 */
export function requestPages(requests: readonly DispatchRequest[], pageSize: number): RequestPage[] {
  checkRequests(requests, pageSize);
  const pages: RequestPage[] = [];
  let bytes = 0;
  for (const { plannedUtc, traceparent, ...request } of requests) {
    const { tenantId, reason, idleStreak = 0, failureStreak = 0, lastRunUtc = null } = request;
    const row: RequestPage['requests'][number] = [tenantId, reason, idleStreak, failureStreak, lastRunUtc];
    const rowBytes = 1 + Buffer.byteLength(JSON.stringify(row));
    let page = pages.at(-1);
    if (page === undefined || page.requests.length >= pageSize || bytes + rowBytes > queueMessageBytes) {
      page = { version: 1, plannedUtc, ...(traceparent !== undefined && { traceparent }), requests: [] };
      pages.push(page);
      // The first row has no comma before it.
      bytes = Buffer.byteLength(JSON.stringify(page)) - 1;
    }
    page.requests.push(row);
    bytes += rowBytes;
  }
  return pages;
}

function checkRequests(requests: readonly DispatchRequest[], pageSize: number): void {
  const refuse = (problem: string): never => {
    throw new MultiOutboxError('INVALID_ARGUMENT', `requestPages: ${problem}.`);
  };
  if (!Number.isSafeInteger(pageSize) || pageSize < 1)
    refuse(`'pageSize' must be a whole number from 1 on, got ${shownValue(pageSize)}`);
  if (!isList(requests)) refuse(`the requests must be a list, got ${shownValue(requests)}`);
  const texts = ['tenantId', 'plannedUtc', 'reason'] as const;
  const wrong = [...requests].findIndex(
    (request) => !texts.every((name) => typeof propertyOf(request, name) === 'string'),
  );
  if (wrong !== -1)
    refuse(`the item at index ${wrong} is not a dispatch request; pass on the requests of a plan's report`);
}

/**
 * Returns the requests of a page from a queue, given as the object or its JSON text.
 * @throws MultiOutboxError INVALID_ARGUMENT that names what is wrong, without the content
 */
export function parseRequestPage(input: unknown): DispatchRequest[] {
  const { requests, ...ofAll } = readQueueText(input, pageSchema, {
    name: 'page of dispatch requests',
    remedy:
      'Its tenants are planned again after the redispatch time; deploy planner and dispatcher from the same release.',
  });
  return requests.map(([tenantId, reason, idleStreak, failureStreak, lastRunUtc]) => ({
    ...ofAll,
    tenantId,
    reason,
    idleStreak,
    failureStreak,
    lastRunUtc,
  }));
}
