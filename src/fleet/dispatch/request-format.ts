/** Dispatch requests as they travel through a queue. */
import * as v from 'valibot';
import type { DispatchRequest } from '../dispatch-request.ts';
import { tenantIdPattern } from '../tenants/definition.ts';
import { jsonOf, readQueueText } from './queue-text.ts';

const tenantId = v.pipe(v.string(), v.regex(tenantIdPattern));
const time = v.pipe(v.string(), v.isoTimestamp());
const streak = v.pipe(v.number(), v.integer(), v.minValue(0));

/** The fields of a request, for requests alone and for pages of them. */
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
const requestSchema = v.object({
  ...needed,
  idleStreak: v.optional(idleStreak),
  failureStreak: v.optional(failureStreak),
  lastRunUtc: v.optional(lastRunUtc),
  traceparent: v.optional(traceparent),
});
/** What a person or an application sends: serve this tenant (F7). */
const wakeSchema = v.strictObject({ tenantId });

/**
 * The one check of a dispatch request, whoever hands it in: its object, or the object's JSON text. A tenant alone,
 * `{"tenantId":"acme"}`, is a request made now.
 * @param reason of a request that names a tenant alone
 * @throws MultiOutboxError INVALID_ARGUMENT that names what is wrong, without the content
 */
export function checkedDispatchRequest(input: unknown, reason: 'wake' | 'manual'): DispatchRequest {
  const alone = v.safeParse(wakeSchema, jsonOf(input));
  if (alone.success) {
    return { version: 1, ...alone.output, reason, plannedUtc: new Date().toISOString() };
  }
  return readQueueText(input, requestSchema, {
    name: 'dispatch request',
    remedy: 'Send what plan() returns, from a planner of the same release, or wake the tenant instead.',
  });
}

/**
 * Reads a dispatch request that came through a queue. A tenant alone, `{"tenantId":"acme"}`, is a wake.
 * @throws MultiOutboxError INVALID_ARGUMENT that names what is wrong, without the content
 */
export function parseDispatchRequest(input: unknown): DispatchRequest {
  return checkedDispatchRequest(input, 'wake');
}

/**
 * Reads a wake that came through a queue: `{"tenantId":"acme"}`, or the tenant's id alone. Returns the tenant's id.
 * @throws MultiOutboxError INVALID_ARGUMENT
 */
export function parseWake(input: unknown): string {
  const id = v.safeParse(tenantId, typeof input === 'string' ? input.trim() : input);
  if (id.success) return id.output;
  return readQueueText(input, wakeSchema, {
    name: 'wake',
    remedy: `Send {"tenantId":"…"}, or the tenant's id alone.`,
  }).tenantId;
}

/** The tenant that something unreadable names all the same; null when it names none. */
export function tenantIdIn(input: unknown): string | null {
  const result = v.safeParse(v.object({ tenantId }), jsonOf(input));
  return result.success ? result.output.tenantId : null;
}
