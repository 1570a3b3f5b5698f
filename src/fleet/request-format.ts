import * as v from 'valibot';
import { MultiOutboxError } from '../errors.ts';
import type { DispatchRequest } from './requests.ts';

const streak = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)));
const schema = v.object({
  version: v.literal(1),
  tenantId: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  reason: v.picklist(['due', 'wake', 'backlog', 'manual']),
  plannedUtc: v.pipe(v.string(), v.isoTimestamp()),
  idleStreak: streak,
  failureStreak: streak,
});

/**
 * Reads a dispatch request that came through a queue: its object, or the object's JSON text.
 * @throws MultiOutboxError INVALID_ARGUMENT that names what is wrong, without the content
 */
export function parseDispatchRequest(input: unknown): DispatchRequest {
  let value = input;
  if (typeof input === 'string') {
    try {
      value = JSON.parse(input);
    } catch {
      throw refusal('it is not JSON');
    }
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const { path, kind } = result.issues[0];
  const field = path?.map(({ key }) => String(key)).join('.');
  throw refusal(field ? `'${field}' is missing or not as it should be` : `it is no object (${kind})`);
}

function refusal(why: string): MultiOutboxError {
  return new MultiOutboxError(
    'INVALID_ARGUMENT',
    `This is no dispatch request: ${why}. Send what plan() returns, or wake the tenant instead.`,
  );
}
