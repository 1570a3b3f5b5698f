/** The format of dispatch requests in a queue. */
import * as v from 'valibot';
import { safeParse } from '../../safe-parse.ts';
import type { DispatchRequest } from '../dispatch-request.ts';
import { tenantIdPattern } from '../tenants/tenant-id.ts';
import { jsonOf, readQueueText, textOfBase64 } from './queue-text.ts';

const tenantId = v.pipe(v.string(), v.regex(tenantIdPattern));
const time = v.pipe(v.string(), v.isoTimestamp());
const streak = v.pipe(v.number(), v.integer(), v.minValue(0));

/** The fields of a request, for single requests and for pages of them. */
export const requestFields = {
  version: v.literal(1),
  tenantId,
  reason: v.picklist(['due', 'wake', 'backlog', 'manual']),
  plannedUtc: time,
  idleStreak: streak,
  failureStreak: streak,
  lastRunUtc: v.nullable(time),
  traceparent: v.string(),
};

const { idleStreak, failureStreak, lastRunUtc, traceparent, ...needed } = requestFields;
export const requestSchema = v.object({
  ...needed,
  idleStreak: v.optional(idleStreak),
  failureStreak: v.optional(failureStreak),
  lastRunUtc: v.optional(lastRunUtc),
  traceparent: v.optional(traceparent),
});
/** A request to dispatch this tenant, from a person or an application (F7). */
export const wakeSchema = v.strictObject({ tenantId });

/**
 * Checks every dispatch request, from whatever source. It accepts the object or its JSON text. An object with only a
 * tenant id, `{"tenantId":"acme"}`, becomes a request that is planned now.
 * @param reason the reason of a request with only a tenant id
 * @throws MultiOutboxError INVALID_ARGUMENT that names what is wrong, without the content
 */
export function checkedDispatchRequest(input: unknown, reason: 'wake' | 'manual'): DispatchRequest {
  const alone = safeParse(wakeSchema, jsonOf(input));
  if (alone.success) {
    return { version: 1, ...alone.output, reason, plannedUtc: new Date().toISOString() };
  }
  return readQueueText(input, requestSchema, {
    name: 'dispatch request',
    remedy:
      'Send the requests that plan() returns, from a planner of the same release, or wake the tenant instead.',
  });
}

/**
 * Reads a dispatch request from a queue. An object with only a tenant id, `{"tenantId":"acme"}`, is a wake.
 * @throws MultiOutboxError INVALID_ARGUMENT that names what is wrong, without the content
 */
export function parseDispatchRequest(input: unknown): DispatchRequest {
  return checkedDispatchRequest(input, 'wake');
}

/**
 * Reads a wake from a queue: `{"tenantId":"acme"}`, or just the tenant's id, as plain text or as base64. Returns the ids
 * that it can mean, mostly one: a plain id can also be base64 of another id. The likelier id comes first.
 * @throws MultiOutboxError INVALID_ARGUMENT
 */
export function parseWake(input: unknown): readonly string[] {
  // The host reads an id of digits as a number.
  const text = Number.isSafeInteger(input) ? String(input) : typeof input === 'string' ? input.trim() : '';
  const ids = [textOfBase64(text)?.trim(), text].filter((id) => v.is(tenantId, id)) as string[];
  if (ids.length > 0) return ids;
  const wake = readQueueText(input, wakeSchema, {
    name: 'wake',
    remedy: `Send {"tenantId":"…"}, or just the tenant's id.`,
  });
  return [wake.tenantId];
}

/** The tenant id in content that is otherwise unreadable; null when it contains none. */
export function tenantIdIn(input: unknown): string | null {
  const result = safeParse(v.object({ tenantId }), jsonOf(input));
  return result.success ? result.output.tenantId : null;
}
