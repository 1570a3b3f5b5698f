/**
 * Messages of the poison queues: unreadable ones, and those that the host gave up after repeated failures. The first
 * are reported with the tenant that they name, so that status and health show them; the others are tried again.
 */
import { hash } from 'node:crypto';
import * as v from 'valibot';
import type { Registry, TenantRecord } from '../../engine/registry.ts';
import { type ErrorCode, errorText, isMultiOutboxError } from '../../errors.ts';
import { noCounts } from '../../queue/tally.ts';
import { safeParse } from '../../safe-parse.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { recordPoisoned } from '../../telemetry/metrics.ts';
import { jsonOf, queueMessageBytes } from '../dispatch/queue-text.ts';
import { parseDispatchRequest, parseWake, tenantIdIn } from '../dispatch/request-format.ts';
import { parseRequestPage } from '../dispatch/request-pages.ts';
import type { DispatchRequest } from '../dispatch-request.ts';
import { unknownTenant } from '../tenants/tenant-errors.ts';

/** A request on the poison queue with the reason why it is there; plain JSON. */
export interface PoisonedRequest {
  readonly version: 1;
  readonly reason: string;
  /** The request's original text, cut if it would not fit into a queue message. */
  readonly content: string;
  /** The tenant that the content names, if any. */
  readonly tenantId: string | null;
}

/** The queue whose poison queue a message was in. */
export type PoisonedQueue = 'dispatch' | 'pages' | 'wake';

export interface PoisonedOptions {
  /**
   * The message's id, a text that no other message of this queue ever has: a message that is handled again, after few others,
   * changes nothing. Default: each call counts.
   */
  readonly messageId?: string | undefined;
}

/** What became of a message of a poison queue. */
export interface PoisonReport {
  /**
   * `recovered`: the message's work is done, or is done once the caller has sent `requests`. `refused`: no try could
   * succeed, so the message ends here.
   */
  readonly result: 'recovered' | 'refused';
  readonly tenantId: string | null;
  readonly reason: string;
  /**
   * Whether it is shown as its tenant's last error: false when the content names no registered tenant. The log mentions
   * every message, and the fleet's status counts every refused one.
   */
  readonly recorded: boolean;
  /** The dispatch requests that the caller must send again. */
  readonly requests: readonly DispatchRequest[];
}

export interface PoisonOptions extends PoisonedOptions {
  readonly registry: Registry;
  /** See `wakeFirst`. */
  readonly wake: (
    tenantIds: readonly string[],
    options: { readonly onRequest: (request: DispatchRequest) => void },
  ) => Promise<string>;
  readonly logger: Logger;
}

const reasonCharacters = 400;
const code: ErrorCode = 'POISONED';
const givenUp =
  'The host gave up this request after repeated failures; look for their reason in the log of its function.';

export const poisonedRequestSchema = v.object({
  version: v.literal(1),
  reason: v.string(),
  content: v.string(),
  tenantId: v.nullable(v.string()),
});

export function poisonedRequest(content: unknown, error: unknown): PoisonedRequest {
  const text = typeof content === 'string' ? content : jsonText(content);
  return {
    version: 1,
    reason: errorText(error).slice(0, reasonCharacters),
    // A character takes at most 6 bytes of JSON: \u0000.
    content: text
      .slice(0, Math.floor(queueMessageBytes / 6) - 1_000)
      .toWellFormed()
      // Queues carry messages as XML, which has no such characters.
      .replace(/[\ufffe\uffff]/g, '\ufffd'),
    tenantId: tenantIdIn(content),
  };
}

/** The content of a queue message that a host has parsed; empty if it is none. */
function jsonText(content: unknown): string {
  try {
    return JSON.stringify(content) ?? '';
  } catch {
    return '';
  }
}

/**
 * Handles a message of a poison queue: a PoisonedRequest, or an unchanged message that the host gave up, whose work is
 * tried again. A wake wakes its tenant, and a page's requests are returned. A dispatch request makes its tenant due now,
 * and the tenant's status shows it until a run succeeds.
 * @throws the registry's error; the caller keeps the message and tries again later
 */
export async function handlePoisoned(
  input: unknown,
  queue: PoisonedQueue,
  options: PoisonOptions,
): Promise<PoisonReport> {
  try {
    const report = await handled(input, queue, options);
    const { tenantId, reason, recorded, result } = report;
    const fields = { queue, tenantId, reason, recorded };
    if (result === 'refused') options.logger.error('A queue message was given up.', fields);
    else
      options.logger.warn(
        'A queue message that had failed repeatedly was tried again, and succeeded.',
        fields,
      );
    recordPoisoned(queue, result);
    return report;
  } catch (error) {
    recordPoisoned(queue, 'failed');
    throw error;
  }
}

async function handled(input: unknown, queue: PoisonedQueue, options: PoisonOptions): Promise<PoisonReport> {
  const { registry, messageId } = options;
  const reporting = {
    registry,
    id: messageId === undefined ? undefined : uuidOf(`${queue}/${messageId}`),
  };
  const read = safeParse(poisonedRequestSchema, jsonOf(input));
  if (read.success) return refused(input, read.output.reason, reporting);
  try {
    if (queue === 'wake') {
      const requests: DispatchRequest[] = [];
      const onRequest = (request: DispatchRequest) => void requests.push(request);
      return recovered({ tenantId: await options.wake(parseWake(input), { onRequest }), requests });
    }
    if (queue === 'pages') return recovered({ requests: parseRequestPage(input) });
    const { tenantId } = parseDispatchRequest(input);
    const tenant = await registry.get(tenantId);
    if (tenant === null || tenant.status === 'retired') throw unknownTenant(tenantId);
    await recordFailure(tenant, givenUp, 0, reporting);
    return recovered({ tenantId, recorded: true });
  } catch (error) {
    if (!isMultiOutboxError(error, 'INVALID_ARGUMENT') && !isMultiOutboxError(error, 'UNKNOWN_TENANT'))
      throw error;
    return refused(input, errorText(error), reporting);
  }
}

/** The same UUID for the same text: of version 8, which is any that an application makes. */
function uuidOf(text: string): string {
  const digits = hash('sha256', text);
  const parts = [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(12, 15)}`,
    `8${digits.slice(15, 18)}`,
  ];
  return [...parts, digits.slice(18, 30)].join('-');
}

function recovered(facts: Partial<PoisonReport>): PoisonReport {
  return { result: 'recovered', tenantId: null, reason: givenUp, recorded: false, requests: [], ...facts };
}

/** Where to report a message, and its id, if it has one. */
interface Reporting {
  readonly registry: Registry;
  readonly id: string | undefined;
}

async function refused(input: unknown, why: string, reporting: Reporting): Promise<PoisonReport> {
  const { registry, id } = reporting;
  const reason = why.slice(0, reasonCharacters);
  const tenantId = tenantIdIn(input);
  const tenant = tenantId === null ? null : await registry.get(tenantId);
  const recorded = tenant !== null && tenant.status !== 'retired';
  // The due time does not change.
  if (recorded) await recordFailure(tenant, reason, null, reporting);
  await registry.recordPoisoned(id);
  return { result: 'refused', tenantId, reason, recorded, requests: [] };
}

async function recordFailure(
  { id, schedule }: TenantRecord,
  message: string,
  nextDueInMs: number | null,
  { registry, id: reportId }: Reporting,
): Promise<void> {
  const { idleStreak, failureStreak, backlog } = schedule;
  await registry.report({
    tenantId: id,
    ...(reportId !== undefined && { reportId }),
    outcome: 'failed',
    counts: noCounts,
    durationMs: 0,
    backlog,
    error: { code, message },
    schedule: { mode: 'at-most', nextDueInMs, idleStreak, failureStreak: failureStreak + 1 },
  });
}
