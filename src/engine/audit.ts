/** The record of operators' acts, in the registry. Rows are added, and completed once; nothing changes or removes them. */
import type { QueueName } from './work-queue.ts';

/** What operators do that leaves a row. */
export const auditedActs = [
  'replay',
  'discard',
  'cancel',
  'reschedule',
  'edit',
  'operation-start',
  'operation-resume',
  'operation-cancel',
  'tenant-pause',
  'tenant-resume',
  'tenant-remove',
  'tenant-change',
  'tenant-wake',
  'lease-release',
  'payload-show',
] as const;
export type AuditedAct = (typeof auditedActs)[number];

export interface AuditEntry {
  /** Who acts, at most 200 characters. */
  readonly actor: string;
  readonly act: AuditedAct;
  /** Null when it is about several tenants, or about the registry. */
  readonly tenantId: string | null;
  readonly queue: QueueName | null;
  /** What it is about: a filter, ids, a lease's name. Plain JSON, without payloads. */
  readonly selection: unknown;
  readonly operationId: string | null;
}

export interface AuditRecord extends AuditEntry {
  /** A 64-bit number, as text; it rises. */
  readonly id: string;
  /** By the registry's clock. */
  readonly startedUtc: Date;
  /** Null when the end was not recorded: the act is under way, or its process ended. */
  readonly endedUtc: Date | null;
  /** How many messages, tenants or leases were changed; null before the end, and after an error. */
  readonly count: number | null;
  /** The error's code and text; null without one. */
  readonly error: string | null;
}

export interface AuditQuery {
  /** The latest come first. */
  readonly limit: number;
  /** Only rows with an id less than this one. */
  readonly before?: string;
  readonly tenantId?: string;
  readonly operationId?: string;
}

export interface AuditStore {
  /** Adds a row for an act that begins. Returns its id. */
  begin(entry: AuditEntry): Promise<string>;
  /** Completes the row. */
  end(id: string, end: { readonly count: number } | { readonly error: string }): Promise<void>;
  list(query: AuditQuery): Promise<AuditRecord[]>;
}

/** The most characters of the columns. */
export const auditLimits = { actor: 200, selection: 60_000, error: 1_000 } as const;
