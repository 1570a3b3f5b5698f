/**
 * Dispatch requests by the page. A host that writes queue messages one after another would hang on a plan of many
 * thousand tenants; so a plan sends pages, and whoever takes a page from the queue sends its requests.
 */
import * as v from 'valibot';
import type { DispatchRequest } from '../dispatch-request.ts';
import { queueMessageBytes, readQueueText } from './queue-text.ts';
import { requestFields } from './request-format.ts';

const { version, plannedUtc, traceparent, tenantId, reason, idleStreak, failureStreak, lastRunUtc } =
  requestFields;
/** A row without names: a page is as long as its queue message may be, so each byte is a tenant's. */
const rowSchema = v.tuple([tenantId, reason, idleStreak, failureStreak, lastRunUtc]);
const pageSchema = v.object({
  version,
  plannedUtc,
  traceparent: v.optional(traceparent),
  requests: v.pipe(v.array(rowSchema), v.minLength(1)),
});

/** Requests of one plan; plain JSON, at most as big as a queue message may be. */
export type RequestPage = v.InferOutput<typeof pageSchema>;

/** @param requests of one plan, so that they share when they were planned and their trace @param pageSize requests a page at most */
export function requestPages(requests: readonly DispatchRequest[], pageSize: number): RequestPage[] {
  const pages: RequestPage[] = [];
  let bytes = 0;
  for (const { plannedUtc, traceparent, ...request } of requests) {
    const { tenantId, reason, idleStreak = 0, failureStreak = 0, lastRunUtc = null } = request;
    const row: RequestPage['requests'][number] = [tenantId, reason, idleStreak, failureStreak, lastRunUtc];
    const rowBytes = Buffer.byteLength(JSON.stringify(row)) + 1;
    let page = pages.at(-1);
    if (page === undefined || page.requests.length >= pageSize || bytes + rowBytes > queueMessageBytes) {
      page = { version: 1, plannedUtc, ...(traceparent !== undefined && { traceparent }), requests: [] };
      pages.push(page);
      bytes = Buffer.byteLength(JSON.stringify(page));
    }
    page.requests.push(row);
    bytes += rowBytes;
  }
  return pages;
}

/**
 * The requests of a page that came through a queue: its object, or the object's JSON text.
 * @throws MultiOutboxError INVALID_ARGUMENT that names what is wrong, without the content
 */
export function parseRequestPage(input: unknown): DispatchRequest[] {
  const { requests, ...ofAll } = readQueueText(input, pageSchema, {
    name: 'page of dispatch requests',
    remedy: 'Its tenants are planned again; deploy planner and dispatcher from one release.',
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
