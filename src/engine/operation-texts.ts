/**
 * An operation as the engines store it: JSON texts. The tenants' ids have columns of their own, because there may be many:
 * lists do not read them, and progress does not write them. Their numbers are with the rest.
 */
import type {
  NewOperation,
  OperationOutline,
  OperationProgress,
  OperationRecord,
  OperationState,
} from './operation-store.ts';

/** The columns of an operation's row; each engine has its own names and types for them. */
export interface StoredOperation {
  readonly id: string;
  readonly actor: string;
  readonly counted: number;
  readonly state: OperationState;
  readonly createdUtc: Date;
  readonly updatedUtc: Date;
  /** The definition, with the numbers of the targets. */
  readonly definition: string;
  /** The progress, with the number of the failures. */
  readonly progress: string;
  /** Null where they were not read. */
  readonly targets: string | null;
  readonly failures: string | null;
}

export function definitionTexts({ definition, targets }: Pick<NewOperation, 'definition' | 'targets'>): {
  readonly definition: string;
  readonly targets: string;
} {
  const numbers = { tenants: targets.tenants?.length ?? null, uncounted: targets.uncounted.length };
  return {
    definition: JSON.stringify({ ...definition, targets: numbers }),
    targets: JSON.stringify(targets),
  };
}

export function progressTexts({ failures, ...progress }: OperationProgress): {
  readonly progress: string;
  readonly failures: string;
} {
  return {
    progress: JSON.stringify({ ...progress, failures: failures.length }),
    failures: JSON.stringify(failures),
  };
}

export function operationOutline(stored: StoredOperation): OperationOutline {
  const { id, actor, counted, state, createdUtc, updatedUtc } = stored;
  const { targets, ...definition } = JSON.parse(stored.definition);
  const progress = JSON.parse(stored.progress);
  return { id, actor, definition, targets, counted, state, createdUtc, updatedUtc, progress };
}

/** Of a row that was read with its tenants. */
export function operationRecord(stored: StoredOperation): OperationRecord {
  const outline = operationOutline(stored);
  return {
    ...outline,
    targets: JSON.parse(stored.targets!),
    progress: { ...outline.progress, failures: JSON.parse(stored.failures!) },
  };
}
