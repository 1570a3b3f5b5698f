/** The record of operators' acts, and operations (S3). */
import type { SQLInputValue } from 'node:sqlite';
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
import type { Connection } from '../connection.ts';
import type { DatabaseHandle } from '../handle.ts';
import { dateOrNull } from '../time.ts';

const columns = 'Id, Actor, Definition, Counted, State, CreatedUtc, UpdatedUtc, Progress';

const statements = {
  beginAudit: `INSERT INTO Audit (StartedUtc, Actor, Act, TenantId, Queue, Selection, OperationId)
    VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING Id`,
  endAudit: 'UPDATE Audit SET EndedUtc = ?, Affected = ?, Error = ? WHERE Id = ? AND EndedUtc IS NULL',
  listAudit: `SELECT * FROM Audit WHERE Id < coalesce(:before, 9007199254740991)
    AND (:tenantId IS NULL OR TenantId = :tenantId) AND (:operationId IS NULL OR OperationId = :operationId)
    ORDER BY Id DESC LIMIT :limit + 0`,
  create: `INSERT INTO Operations (${columns}, Failures)
    VALUES (:id, :actor, :definition, :counted, 'counted', :now, :now, :progress, :failures)`,
  addTargets: 'INSERT INTO OperationTargets (Id, Targets) VALUES (?, ?)',
  take: `UPDATE Operations SET State = 'running', Runner = :runner, UpdatedUtc = :now WHERE Id = :id AND State <> 'cancelled'`,
  progress: `UPDATE Operations SET State = :state, Progress = :progress, Failures = coalesce(:failures, Failures), UpdatedUtc = :now
    WHERE Id = :id AND Runner = :runner AND State <> 'cancelled'`,
  cancel: `UPDATE Operations SET State = 'cancelled', UpdatedUtc = :now WHERE Id = :id AND State NOT IN ('cancelled', 'done')`,
  get: `SELECT ${columns}, Failures, Targets FROM Operations JOIN OperationTargets USING (Id) WHERE Id = ?`,
  outline: `SELECT ${columns} FROM Operations WHERE Id = ?`,
  list: `SELECT ${columns} FROM Operations WHERE Number < coalesce((SELECT Number FROM Operations WHERE Id = ?), 9007199254740991)
    ORDER BY Number DESC LIMIT ? + 0`,
};

interface AuditRow {
  readonly Id: number;
  readonly StartedUtc: number;
  readonly EndedUtc: number | null;
  readonly Actor: string;
  readonly Act: AuditedAct;
  readonly TenantId: string | null;
  readonly Queue: QueueName | null;
  readonly Selection: string;
  readonly OperationId: string | null;
  readonly Affected: number | null;
  readonly Error: string | null;
}

export class SqliteAudit implements AuditStore {
  readonly #handle: DatabaseHandle;

  constructor(handle: DatabaseHandle) {
    this.#handle = handle;
  }

  begin({ actor, act, tenantId, queue, selection, operationId }: AuditEntry): Promise<string> {
    const values = [actor, act, tenantId, queue, JSON.stringify(selection), operationId];
    return this.#handle.write((connection, now) =>
      String(connection.get<{ Id: number }>(statements.beginAudit, now, ...values)!.Id),
    );
  }

  async end(id: string, end: { readonly count: number } | { readonly error: string }): Promise<void> {
    const count = 'count' in end ? end.count : null;
    const error = 'error' in end ? end.error : null;
    await this.#handle.write((connection, now) =>
      connection.run(statements.endAudit, now, count, error, Number(id)),
    );
  }

  list({ limit, before, tenantId, operationId }: AuditQuery): Promise<AuditRecord[]> {
    const values = {
      limit,
      before: before === undefined ? null : Number(before),
      tenantId: tenantId ?? null,
      operationId: operationId ?? null,
    };
    return this.#handle.look((connection) =>
      connection.all<AuditRow>(statements.listAudit, values).map(auditRecord),
    );
  }
}

function auditRecord(row: AuditRow): AuditRecord {
  return {
    id: String(row.Id),
    startedUtc: new Date(row.StartedUtc),
    endedUtc: dateOrNull(row.EndedUtc),
    actor: row.Actor,
    act: row.Act,
    tenantId: row.TenantId,
    queue: row.Queue,
    selection: JSON.parse(row.Selection) as unknown,
    operationId: row.OperationId,
    count: row.Affected,
    error: row.Error,
  };
}

interface OperationRow {
  readonly Id: string;
  readonly Actor: string;
  readonly Definition: string;
  readonly Counted: number;
  readonly State: OperationState;
  readonly CreatedUtc: number;
  readonly UpdatedUtc: number;
  readonly Progress: string;
  /** Absent where they were not read. */
  readonly Targets?: string;
  readonly Failures?: string;
}

export class SqliteOperations implements OperationStore {
  readonly #handle: DatabaseHandle;

  constructor(handle: DatabaseHandle) {
    this.#handle = handle;
  }

  create({ id, actor, definition, targets, counted, progress }: NewOperation): Promise<OperationOutline> {
    const texts = definitionTexts({ definition, targets });
    const values = { id, actor, definition: texts.definition, counted, ...progressTexts(progress) };
    return this.#handle.write((connection, now) => {
      connection.prepare(statements.create).run({ ...values, now });
      connection.run(statements.addTargets, id, texts.targets);
      return outlined(connection, id)!;
    });
  }

  take(id: string, runner: string): Promise<OperationRecord | null> {
    return this.#change(statements.take, id, { runner });
  }

  progress(
    id: string,
    runner: string,
    progress: OperationProgress,
    { isDone, areFailuresStored }: ProgressOptions,
  ): Promise<OperationOutline | null> {
    const state: OperationState = isDone ? 'done' : 'running';
    const values = {
      runner,
      state,
      ...progressTexts(progress),
      ...(areFailuresStored && { failures: null }),
    };
    return this.#handle.write((connection, now) =>
      isChanged(connection, statements.progress, { id, now, ...values }) ? outlined(connection, id) : null,
    );
  }

  cancel(id: string): Promise<OperationRecord | null> {
    return this.#change(statements.cancel, id, {});
  }

  get(id: string): Promise<OperationRecord | null> {
    return this.#handle.look((connection) => found(connection, id));
  }

  outline(id: string): Promise<OperationOutline | null> {
    return this.#handle.look((connection) => outlined(connection, id));
  }

  list({ limit, before }: { readonly limit: number; readonly before?: string }): Promise<OperationOutline[]> {
    return this.#handle.look((connection) =>
      connection
        .all<OperationRow>(statements.list, before ?? null, limit)
        .map((row) => operationOutline(storedOperation(row))),
    );
  }

  #change(sql: string, id: string, values: Record<string, string>): Promise<OperationRecord | null> {
    return this.#handle.write((connection, now) =>
      isChanged(connection, sql, { id, now, ...values }) ? found(connection, id) : null,
    );
  }
}

function isChanged(connection: Connection, sql: string, values: Record<string, SQLInputValue>): boolean {
  return Number(connection.prepare(sql).run(values).changes) > 0;
}

function found(connection: Connection, id: string): OperationRecord | null {
  const row = connection.get<OperationRow>(statements.get, id);
  return row === undefined ? null : operationRecord(storedOperation(row));
}

function outlined(connection: Connection, id: string): OperationOutline | null {
  const row = connection.get<OperationRow>(statements.outline, id);
  return row === undefined ? null : operationOutline(storedOperation(row));
}

function storedOperation(row: OperationRow): StoredOperation {
  return {
    id: row.Id,
    actor: row.Actor,
    counted: row.Counted,
    state: row.State,
    createdUtc: new Date(row.CreatedUtc),
    updatedUtc: new Date(row.UpdatedUtc),
    definition: row.Definition,
    progress: row.Progress,
    targets: row.Targets ?? null,
    failures: row.Failures ?? null,
  };
}
