/** Operations as callers see them: acts over many tenants, counted first, resumable, with their result kept. Plain JSON. */
import type {
  OperationOutline,
  OperationProgress,
  OperationRecord,
  OperationState,
} from '../../engine/operation-store.ts';
import type { QueueName } from '../../engine/work-queue.ts';
import type { ActDefinition } from '../messages/acts.ts';
import type { MessageSelection } from '../messages/selection.ts';
import type { TenantsActDefinition } from './tenant-acts.ts';

/** What every operation has, in lists too. */
export interface OperationFigures extends Omit<OperationProgress, 'failures'> {
  readonly id: string;
  /**
   * `counted`: it has not begun. `running`: a process works on it, or did until it ended; `resume` goes on with it. `done`:
   * every tenant was tried; `resume` tries those in `failures` again. `cancelled`: an operator ended it.
   */
  readonly state: OperationState;
  /** Who created it. */
  readonly actor: string;
  /**
   * How many messages matched when it was created, in the tenants that answered; of an operation on tenants, how many of
   * them the act would have changed then.
   */
  readonly counted: number;
  /** ISO text, by the registry's clock. */
  readonly createdUtc: string;
  readonly updatedUtc: string;
}

/** What is done to all messages that match, in many tenants. */
export interface OnMessages {
  readonly on: 'messages';
  readonly act: ActDefinition;
  readonly queue: QueueName;
  readonly filter: MessageSelection;
  /** Whether counting ended early in a tenant, so that there were as many or more. */
  readonly countedAtLeast: boolean;
}

/** What is done to many tenants themselves. */
export interface OnTenants {
  readonly on: 'tenants';
  readonly act: TenantsActDefinition;
}

/** An act on all messages that match, in many tenants. */
export interface MessagesOperation extends OperationFigures, OnMessages, Pick<OperationProgress, 'failures'> {
  /** Null for every tenant that is not retired. */
  readonly tenants: readonly string[] | null;
  /** The tenants that did not answer when it was created. What matches there is changed too, beyond what was counted. */
  readonly uncounted: readonly string[];
}

/** An act on many tenants. */
export interface TenantsOperation extends OperationFigures, OnTenants, Pick<OperationProgress, 'failures'> {
  readonly tenants: readonly string[];
}

export type Operation = MessagesOperation | TenantsOperation;

/** As `MessagesOperation`, with numbers of tenants in place of their ids. */
export interface MessagesOperationSummary extends OperationFigures, OnMessages {
  readonly tenants: number | null;
  readonly uncounted: number;
  readonly failures: number;
}

/** As `TenantsOperation`, with numbers of tenants in place of their ids. */
export interface TenantsOperationSummary extends OperationFigures, OnTenants {
  readonly tenants: number;
  readonly failures: number;
}

/** An operation in a list. */
export type OperationSummary = MessagesOperationSummary | TenantsOperationSummary;

/** An operation after a call that worked on it. */
export type ResumedOperation = Operation & {
  /** Whether another process has taken it over meanwhile; then the progress is that process's. */
  readonly takenOver: boolean;
};

export function operationOf(record: OperationRecord): Operation {
  return shown(record) as Operation;
}

export function summaryOf(outline: OperationOutline): OperationSummary {
  return shown(outline) as OperationSummary;
}

function shown({ definition, targets, progress, ...record }: OperationRecord | OperationOutline) {
  const { id, state, actor, counted, createdUtc, updatedUtc } = record;
  return {
    id,
    state,
    actor,
    ...onOf(definition),
    tenants: targets.tenants,
    counted,
    ...(definition.on === 'messages' && { uncounted: targets.uncounted }),
    ...progress,
    createdUtc: createdUtc.toISOString(),
    updatedUtc: updatedUtc.toISOString(),
  };
}

function onOf(definition: OperationRecord['definition']): OnMessages | OnTenants {
  const act = definition.act as never;
  if (definition.on === 'tenants') return { on: 'tenants', act };
  const { queue, filter, countedAtLeast } = definition;
  return { on: 'messages', act, queue, filter: filter as MessageSelection, countedAtLeast };
}
