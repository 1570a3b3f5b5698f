/** Operations: acts over many tenants, on all their messages that match or on the tenants themselves, with their progress (S3). */
import type { QueueName } from './work-queue.ts';

/**
 * `counted`: it has not begun. `running`: a process works on it, or did until it ended. `done`: every tenant was tried;
 * `failures` names those that are left. `cancelled`: an operator ended it.
 */
export const operationStates = ['counted', 'running', 'done', 'cancelled'] as const;
export type OperationState = (typeof operationStates)[number];

/** What an operation does; it never changes. Plain JSON. The act and the filter are as the library takes them. */
export type OperationDefinition =
  | {
      readonly on: 'messages';
      readonly act: unknown;
      readonly queue: QueueName;
      readonly filter: unknown;
      /** Whether counting ended early in a tenant, so that as many messages as were counted matched, or more. */
      readonly countedAtLeast: boolean;
      /** How long counting took: messages that became Dead meanwhile may be counted or not, and are left alone. */
      readonly countingMs: number;
    }
  | { readonly on: 'tenants'; readonly act: unknown };

/** The tenants that an operation is for; they never change. There may be one for each of the fleet. */
export interface OperationTargets {
  /** Null for every tenant that is not retired. */
  readonly tenants: readonly string[] | null;
  /** The tenants that did not answer when their messages were counted. */
  readonly uncounted: readonly string[];
}

export interface TenantError {
  readonly tenantId: string;
  readonly code: string;
  readonly message: string;
}

/** Plain JSON. */
export interface OperationProgress {
  /** How many messages were changed; of an operation on tenants, how many tenants. */
  readonly changed: number;
  readonly tenantsDone: number;
  /** All tenants up to this id were tried; null before the first. */
  readonly lastTenant: string | null;
  /** Tenants that are left because they failed. */
  readonly failures: readonly TenantError[];
}

export interface NewOperation {
  /** A UUID. */
  readonly id: string;
  readonly actor: string;
  readonly definition: OperationDefinition;
  readonly targets: OperationTargets;
  /**
   * How many messages matched when it was created, in the tenants that answered; of an operation on tenants, for how many
   * of them the act was.
   */
  readonly counted: number;
  readonly progress: OperationProgress;
}

export interface OperationRecord extends NewOperation {
  readonly state: OperationState;
  /** By the registry's clock. */
  readonly createdUtc: Date;
  readonly updatedUtc: Date;
}

/** An operation with the numbers of its tenants in place of their ids. */
export interface OperationOutline extends Omit<OperationRecord, 'targets' | 'progress'> {
  readonly targets: { readonly tenants: number | null; readonly uncounted: number };
  readonly progress: Omit<OperationProgress, 'failures'> & { readonly failures: number };
}

export interface ProgressOptions {
  /** Whether every tenant was tried. */
  readonly isDone: boolean;
  /**
   * Whether the failures are those that are stored, so that they are not written again: there may be one for each tenant,
   * and an operation writes its progress often.
   */
  readonly areFailuresStored: boolean;
}

/** One process at a time works on an operation: the runner that took it last. */
export interface OperationStore {
  create(operation: NewOperation): Promise<OperationOutline>;
  /** Makes `runner`, a UUID, the one that works on it. Null when there is no such operation, or it was cancelled. */
  take(id: string, runner: string): Promise<OperationRecord | null>;
  /** Stores the runner's progress. Null when another runner has taken the operation, or it was cancelled. */
  progress(
    id: string,
    runner: string,
    progress: OperationProgress,
    options: ProgressOptions,
  ): Promise<OperationOutline | null>;
  /** Null when there is no such operation, or it has ended. */
  cancel(id: string): Promise<OperationRecord | null>;
  get(id: string): Promise<OperationRecord | null>;
  /** As `get`, and reads no tenants' ids. */
  outline(id: string): Promise<OperationOutline | null>;
  /** The latest come first; it reads no tenants' ids. `before`: the id of the last one of the page before. */
  list(query: { readonly limit: number; readonly before?: string }): Promise<OperationOutline[]>;
}
