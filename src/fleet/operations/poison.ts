/**
 * Poisoned requests: unreadable ones, and those that the host gave up after repeated failures. They are recorded with
 * the tenant that they name, so that status and health show them.
 */
import * as v from 'valibot';
import type { Registry } from '../../engine/registry.ts';
import { type ErrorCode, errorText } from '../../errors.ts';
import { noCounts } from '../../queue/tally.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { jsonOf, queueMessageBytes } from '../dispatch/queue-text.ts';
import { tenantIdIn } from '../dispatch/request-format.ts';

/** A request on the poison queue with the reason why it is there; plain JSON. */
export interface PoisonedRequest {
  readonly version: 1;
  readonly reason: string;
  /** The request's original text, cut if it would not fit into a queue message. */
  readonly content: string;
  /** The tenant that the content names, if any. */
  readonly tenantId: string | null;
}

/** The result of recording a poisoned request. */
export interface PoisonReport {
  readonly tenantId: string | null;
  readonly reason: string;
  /** False when the content names no registered tenant; then only the log mentions the request. */
  readonly recorded: boolean;
}

const reasonCharacters = 400;
const code: ErrorCode = 'POISONED';
const givenUp =
  'The host gave up this request after repeated failures; look for their reason in the log of the dispatch function.';

const schema = v.object({
  version: v.literal(1),
  reason: v.string(),
  content: v.string(),
  tenantId: v.nullable(v.string()),
});

export function poisonedRequest(content: unknown, error: unknown): PoisonedRequest {
  const text = typeof content === 'string' ? content : (JSON.stringify(content) ?? '');
  return {
    version: 1,
    reason: errorText(error).slice(0, reasonCharacters),
    // A character takes at most 6 bytes of JSON: \u0000.
    content: text.slice(0, Math.floor(queueMessageBytes / 6) - 1_000).toWellFormed(),
    tenantId: tenantIdIn(content),
  };
}

/**
 * Records a message of the poison queue: a PoisonedRequest, or an unchanged request that the host moved there. The
 * tenant's due time does not change.
 * @throws the registry's error
 */
export async function recordPoisoned(
  input: unknown,
  { registry, logger }: { readonly registry: Registry; readonly logger: Logger },
): Promise<PoisonReport> {
  const read = v.safeParse(schema, jsonOf(input));
  const reason = read.success ? read.output.reason.slice(0, reasonCharacters) : givenUp;
  const tenantId = tenantIdIn(input);
  const tenant = tenantId === null ? null : await registry.get(tenantId);
  const recorded = tenant !== null && tenant.status !== 'retired';
  if (recorded) {
    const { idleStreak, failureStreak, backlog, parkedTopics } = tenant.schedule;
    await registry.report({
      tenantId: tenant.id,
      outcome: 'failed',
      counts: noCounts,
      durationMs: 0,
      backlog,
      parkedTopics,
      error: { code, message: reason },
      // `at-most` with null does not change the due time.
      schedule: { mode: 'at-most', nextDueInMs: null, idleStreak, failureStreak: failureStreak + 1 },
    });
  }
  logger.error('A dispatch request was given up and moved to the poison queue.', {
    tenantId,
    reason,
    recorded,
  });
  return { tenantId, reason, recorded };
}
