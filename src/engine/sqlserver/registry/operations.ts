/** The record of operators' acts, and operations (S3). */
import type { AuditEntry, AuditedAct, AuditQuery, AuditRecord, AuditStore } from '../../audit.ts';
import type {
  NewOperation,
  OperationProgress,
  OperationRecord,
  OperationState,
  OperationStore,
  ProgressOptions,
} from '../../operation-store.ts';
import type { QueueName } from '../../work-queue.ts';
import { bigint, type Database, int, longText, type Parameters, type Row, text, uuid } from '../database.ts';

export class SqlServerAudit implements AuditStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async begin({ actor, act, tenantId, queue, selection, operationId }: AuditEntry): Promise<string> {
    const parameters: Parameters = {
      Actor: [text, actor],
      Act: [text, act],
      Selection: [longText, JSON.stringify(selection)],
      TenantId: [text, tenantId],
      Queue: [text, queue],
      OperationId: [uuid, operationId],
    };
    const [rows] = await this.#database.call('Audit_Begin', parameters, { onLost: 'give-up' });
    return String(rows![0]!.Id);
  }

  async end(id: string, end: { readonly count: number } | { readonly error: string }): Promise<void> {
    const parameters: Parameters = {
      Id: [bigint, id],
      Affected: [bigint, 'count' in end ? end.count : null],
      Error: [text, 'error' in end ? end.error : null],
    };
    await this.#database.call('Audit_End', parameters, { onLost: 'repeat' });
  }

  async list({ limit, before, tenantId, operationId }: AuditQuery): Promise<AuditRecord[]> {
    const parameters: Parameters = {
      Limit: [int, limit],
      Before: [bigint, before ?? null],
      TenantId: [text, tenantId ?? null],
      OperationId: [uuid, operationId ?? null],
    };
    const [rows] = await this.#database.call('Audit_List', parameters, { onLost: 'repeat' });
    return rows!.map(auditRecord);
  }
}

function auditRecord(row: Row): AuditRecord {
  return {
    id: String(row.Id),
    startedUtc: row.StartedUtc as Date,
    endedUtc: row.EndedUtc as Date | null,
    actor: row.Actor as string,
    act: row.Act as AuditedAct,
    tenantId: row.TenantId as string | null,
    queue: row.Queue as QueueName | null,
    selection: JSON.parse(row.Selection as string) as unknown,
    operationId: (row.OperationId as string | null)?.toLowerCase() ?? null,
    count: row.Affected === null ? null : Number(row.Affected),
    error: row.Error as string | null,
  };
}

export class SqlServerOperations implements OperationStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create({ id, actor, definition, counted, progress }: NewOperation): Promise<OperationRecord> {
    const created = await this.#one('Operation_Create', {
      Id: [uuid, id],
      Actor: [text, actor],
      Definition: [longText, JSON.stringify(definition)],
      Counted: [bigint, counted],
      ...progressOf(progress),
    });
    return created!;
  }

  take(id: string, runner: string): Promise<OperationRecord | null> {
    return this.#change(id, 'take', { Runner: [uuid, runner] });
  }

  async progress(
    id: string,
    runner: string,
    progress: OperationProgress,
    { isDone, areFailuresStored }: ProgressOptions,
  ): Promise<OperationRecord | null> {
    const record = await this.#change(id, isDone ? 'done' : 'progress', {
      Runner: [uuid, runner],
      ...progressOf(progress),
      ...(areFailuresStored && { Failures: [longText, null] as const }),
    });
    return record && { ...record, progress };
  }

  cancel(id: string): Promise<OperationRecord | null> {
    return this.#change(id, 'cancel');
  }

  get(id: string): Promise<OperationRecord | null> {
    return this.#one('Operation_List', { Id: [uuid, id], Limit: [int, 1] });
  }

  async list({
    limit,
    before,
  }: {
    readonly limit: number;
    readonly before?: string;
  }): Promise<OperationRecord[]> {
    const parameters: Parameters = { Limit: [int, limit], Before: [uuid, before ?? null] };
    const [rows] = await this.#database.call('Operation_List', parameters, { onLost: 'repeat' });
    return rows!.map(operationRecord);
  }

  #change(id: string, act: string, parameters: Parameters = {}): Promise<OperationRecord | null> {
    return this.#one('Operation_Change', { Id: [uuid, id], Act: [text, act], ...parameters });
  }

  async #one(procedure: string, parameters: Parameters): Promise<OperationRecord | null> {
    const [rows = []] = await this.#database.call(procedure, parameters, { onLost: 'repeat' });
    return rows[0] === undefined ? null : operationRecord(rows[0]);
  }
}

/** The failures have a column of their own, so that the rest is written without them. */
function progressOf({ failures, ...progress }: OperationProgress): Parameters {
  return {
    Progress: [longText, JSON.stringify(progress)],
    Failures: [longText, JSON.stringify(failures)],
  };
}

function operationRecord(row: Row): OperationRecord {
  return {
    id: (row.Id as string).toLowerCase(),
    actor: row.Actor as string,
    definition: JSON.parse(row.Definition as string) as OperationRecord['definition'],
    counted: Number(row.Counted),
    state: row.State as OperationState,
    createdUtc: row.CreatedUtc as Date,
    updatedUtc: row.UpdatedUtc as Date,
    progress: {
      ...JSON.parse(row.Progress as string),
      // Null where they were not read.
      failures: JSON.parse((row.Failures as string | null) ?? '[]'),
    } as OperationProgress,
  };
}
