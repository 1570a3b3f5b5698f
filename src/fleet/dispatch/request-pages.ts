/**
 * Pages of dispatch requests. A host that writes queue messages one after another would take too long for a plan of
 * many thousand tenants. A plan therefore sends pages, and the function that receives a page sends its requests.
 */
import * as v from 'valibot';
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
 */
export function requestPages(requests: readonly DispatchRequest[], pageSize: number): RequestPage[] {
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
