/** The record of operators' acts, and operations (S3). */
import type { AuditEntry, AuditedAct, AuditQuery, AuditRecord, AuditStore } from '../../audit.ts';
import type {
  NewOperation,
  OperationOutline,
  OperationProgress,
  OperationRecord,
  OperationState,
  OperationStore,
  ProgressOptions,
} from '../../operation-store.ts';
import {
  definitionTexts,
  operationOutline,
  operationRecord,
  progressTexts,
  type StoredOperation,
} from '../../operation-texts.ts';
import type { QueueName } from '../../work-queue.ts';
import {
  bigint,
  bit,
  type Database,
  int,
  longText,
  type Parameters,
  type Row,
  text,
  uuid,
} from '../database.ts';

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

  async create({
    id,
    actor,
    definition,
    targets,
    counted,
    progress,
  }: NewOperation): Promise<OperationOutline> {
    const texts = definitionTexts({ definition, targets });
    const row = await this.#one('Operation_Create', {
      Id: [uuid, id],
      Actor: [text, actor],
      Definition: [longText, texts.definition],
      Targets: [longText, texts.targets],
      Counted: [bigint, counted],
      ...progressOf(progress),
    });
    return operationOutline(row!);
  }

  take(id: string, runner: string): Promise<OperationRecord | null> {
    return this.#record(this.#change(id, 'take', { Runner: [uuid, runner] }));
  }

  async progress(
    id: string,
    runner: string,
    progress: OperationProgress,
    { isDone, areFailuresStored }: ProgressOptions,
  ): Promise<OperationOutline | null> {
    const row = await this.#change(id, isDone ? 'done' : 'progress', {
      Runner: [uuid, runner],
      ...progressOf(progress),
      ...(areFailuresStored && { Failures: [longText, null] as const }),
    });
    return row && operationOutline(row);
  }

  cancel(id: string): Promise<OperationRecord | null> {
    return this.#record(this.#change(id, 'cancel'));
  }

  get(id: string): Promise<OperationRecord | null> {
    return this.#record(
      this.#one('Operation_List', { Id: [uuid, id], Limit: [int, 1], WithTenants: [bit, true] }),
    );
  }

  async outline(id: string): Promise<OperationOutline | null> {
    const stored = await this.#one('Operation_List', { Id: [uuid, id], Limit: [int, 1] });
    return stored && operationOutline(stored);
  }

  async list({
    limit,
    before,
  }: {
    readonly limit: number;
    readonly before?: string;
  }): Promise<OperationOutline[]> {
    const parameters: Parameters = { Limit: [int, limit], Before: [uuid, before ?? null] };
    const [rows] = await this.#database.call('Operation_List', parameters, { onLost: 'repeat' });
    return rows!.map((row) => operationOutline(storedOperation(row)));
  }

  #change(id: string, act: string, parameters: Parameters = {}): Promise<StoredOperation | null> {
    return this.#one('Operation_Change', { Id: [uuid, id], Act: [text, act], ...parameters });
  }

  async #one(procedure: string, parameters: Parameters): Promise<StoredOperation | null> {
    const [rows = []] = await this.#database.call(procedure, parameters, { onLost: 'repeat' });
    return rows[0] === undefined ? null : storedOperation(rows[0]);
  }

  async #record(read: Promise<StoredOperation | null>): Promise<OperationRecord | null> {
    const stored = await read;
    return stored && operationRecord(stored);
  }
}

function progressOf(progress: OperationProgress): Parameters {
  const texts = progressTexts(progress);
  return { Progress: [longText, texts.progress], Failures: [longText, texts.failures] };
}

function storedOperation(row: Row): StoredOperation {
  return {
    id: (row.Id as string).toLowerCase(),
    actor: row.Actor as string,
    counted: Number(row.Counted),
    state: row.State as OperationState,
    createdUtc: row.CreatedUtc as Date,
    updatedUtc: row.UpdatedUtc as Date,
    definition: row.Definition as string,
    progress: row.Progress as string,
    targets: row.Targets as string | null,
    failures: row.Failures as string | null,
  };
}
