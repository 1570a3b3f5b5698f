/** Converts rows of the registry's Tenants table to records, and definitions to parameters. */
import type { TenantDefinition, TenantRecord } from '../../registry.ts';
import { UnreadableValue } from '../../stored-values.ts';
import { type ColumnReaders, storedAuth, type TenantRow, tenantRecordOf } from '../../tenant-row.ts';
import { longText, type Parameters, type Row, real, text } from '../database.ts';

/** The driver returns bigint columns as text. @throws UnreadableValue when JavaScript cannot hold the integer exactly */
function number(column: string, value: unknown): number {
  const read = Number(value);
  if (!Number.isSafeInteger(read)) throw new UnreadableValue(`${column} is out of range`);
  return read;
}

const readers: ColumnReaders<Date, unknown, boolean> = {
  time: (_column, value) => value,
  number,
  flag: (value) => value,
};

export function tenantRecord(row: Row): TenantRecord {
  return tenantRecordOf(row as unknown as TenantRow<Date, unknown, boolean>, readers);
}

/** A definition as parameters of the procedures. */
export function definitionParameters(definition: TenantDefinition, databaseKey: string): Parameters {
  return {
    Id: [text, definition.id],
    Server: [text, definition.server],
    DatabaseName: [text, definition.database],
    DatabaseKey: [text, databaseKey],
    Auth: [text, storedAuth(definition.auth)],
    SchemaName: [text, definition.schema],
    Priority: [real, definition.priority],
    Weight: [real, definition.weight],
    SlaSeconds: [real, definition.slaSeconds],
    Tags: [longText, JSON.stringify(definition.tags)],
    Overrides: [longText, JSON.stringify(definition.overrides)],
  };
}
