/**
 * Requests that cannot be served: unreadable ones, and those that the host gave up after they had failed again and
 * again. They are recorded with the tenant that they name, where status and health show it.
 */
import * as v from 'valibot';
import type { Registry } from '../../engine/registry.ts';
import { type ErrorCode, errorText } from '../../errors.ts';
import { noCounts } from '../../queue/tally.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { jsonOf, queueMessageBytes } from '../dispatch/queue-text.ts';
import { tenantIdIn } from '../dispatch/request-format.ts';

/** A request on the poison queue with the reason why it went there; plain JSON. */
export interface PoisonedRequest {
  readonly version: 1;
  readonly reason: string;
  /** The request as it came; cut where it would not fit into a queue message. */
  readonly content: string;
  /** The tenant, where the content names one. */
  readonly tenantId: string | null;
}

/** What became of a poisoned request. */
export interface PoisonReport {
  readonly tenantId: string | null;
  readonly reason: string;
  /** False when there is no such tenant to record it with: the log alone tells. */
  readonly recorded: boolean;
}

const reasonCharacters = 400;
const code: ErrorCode = 'POISONED';
const givenUp =
  'The host gave this request up after it had failed again and again; the log of the dispatch function tells why.';

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
    // A character is 6 bytes of JSON at most: \u0000.
    content: text.slice(0, Math.floor(queueMessageBytes / 6) - 1_000).toWellFormed(),
    tenantId: tenantIdIn(content),
  };
}

/**
 * Records what came through the poison queue: a PoisonedRequest, or a request that the host put there as it was. The
 * tenant's schedule stays as it is.
 * @throws what the registry throws
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
      // At most no time at all: the due time is left alone.
      schedule: { mode: 'at-most', nextDueInMs: null, idleStreak, failureStreak: failureStreak + 1 },
    });
  }
  logger.error('A dispatch request was poisoned.', { tenantId, reason, recorded });
  return { tenantId, reason, recorded };
}
