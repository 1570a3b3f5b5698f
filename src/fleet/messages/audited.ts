/** Acts of operators, each with a row in the registry's record (S3). */
import { type AuditEntry, type AuditRecord, auditLimits } from '../../engine/audit.ts';
import type { Registry } from '../../engine/registry.ts';
import { describeError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { refusal } from './selection.ts';

/** A row of the record of acts; plain JSON. */
export interface AuditRow extends Omit<AuditRecord, 'startedUtc' | 'endedUtc'> {
  /** ISO text, by the registry's clock. */
  readonly startedUtc: string;
  /** Null when the end was not recorded: the act is under way, or its process ended. */
  readonly endedUtc: string | null;
}

export function auditRow(record: AuditRecord): AuditRow {
  return {
    ...record,
    startedUtc: record.startedUtc.toISOString(),
    endedUtc: record.endedUtc?.toISOString() ?? null,
  };
}

/** Calls `work` with the act's row in the record. The act is not done when the row cannot be written. */
export type Audited = <Result>(
  entry: Pick<AuditEntry, 'actor' | 'act' | 'selection'> & Partial<AuditEntry>,
  work: () => Promise<Result>,
  /** How many messages, tenants or leases were changed. */
  countOf: (result: Result) => number,
) => Promise<Result>;

export function createAudited(registry: () => Promise<Registry>, logger: Logger): Audited {
  return async (entry, work, countOf) => {
    const { audit } = await registry();
    const id = await audit.begin({ tenantId: null, queue: null, operationId: null, ...entry });
    const end = (how: Parameters<typeof audit.end>[1]) =>
      audit.end(id, how).catch((error) => {
        const fields = { auditId: id, act: entry.act, error: describeError(error).code };
        logger.warn('The end of an act was not recorded; its row says that it has begun.', fields);
      });
    try {
      const result = await work();
      await end({ count: countOf(result) });
      return result;
    } catch (error) {
      const { code, message } = describeError(error);
      await end({ error: `${code}: ${message}`.slice(0, auditLimits.error) });
      throw error;
    }
  };
}

/** @throws MultiOutboxError INVALID_ARGUMENT */
export function actorOf(call: string, by: string | undefined, otherwise: string): string {
  const actor = by ?? otherwise;
  if (
    typeof actor === 'string' &&
    actor.trim() !== '' &&
    actor.length <= auditLimits.actor &&
    actor.isWellFormed()
  )
    return actor;
  throw refusal(call, `'by' must be text of 1 to ${auditLimits.actor} characters that names who acts`);
}
