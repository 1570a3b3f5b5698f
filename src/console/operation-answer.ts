/** An operation as the page gets it. */
import type { TenantError } from '../engine/operation-store.ts';
import { foldedError } from '../fleet/messages/errors.ts';
import { withoutPayloadText } from '../fleet/messages/selection.ts';
import type { Operations } from '../fleet/stored-operations/index.ts';
import type { Operation, OperationSummary } from '../fleet/stored-operations/operation.ts';
import { type OperationRight, rightOf } from './operation-rules.ts';
import { withoutFolders } from './responses.ts';

/** There may be a hundred thousand tenants, and the page asks every second: it gets numbers, and the first ones. */
export type OperationAnswer = OperationSummary & {
  readonly firstFailures: readonly TenantError[];
  readonly firstUncounted: readonly string[];
  /** What running and stopping it needs. */
  readonly right: OperationRight;
};

const most = { failures: 100, uncounted: 20 };

export function operationAnswer(operation: Operation): OperationAnswer {
  const { failures, tenants } = operation;
  const uncounted = operation.on === 'messages' ? operation.uncounted : [];
  const numbers = {
    tenants: tenants?.length ?? null,
    failures: failures.length,
    ...(operation.on === 'messages' && { uncounted: uncounted.length }),
  };
  return answerOf({ ...operation, ...numbers } as OperationSummary, failures, uncounted);
}

/** Reads the tenants of an operation only if some of them are shown. */
export async function readAnswer(
  operations: Pick<Operations, 'get' | 'summary'>,
  id: string,
): Promise<OperationAnswer> {
  const summary = await operations.summary(id);
  const namesTenants = summary.failures > 0 || (summary.on === 'messages' && summary.uncounted > 0);
  return namesTenants ? operationAnswer(await operations.get(id)) : answerOf(summary, [], []);
}

function answerOf(
  summary: OperationSummary,
  failures: readonly TenantError[],
  uncounted: readonly string[],
): OperationAnswer {
  return masked({
    ...summary,
    firstFailures: failures.slice(0, most.failures).map((failure) => ({
      ...failure,
      message: withoutFolders(
        // Of messages, errors may quote parts of payloads; those of tenants are the library's own.
        summary.on === 'messages' ? foldedError(failure.message) : failure.message,
      ),
    })),
    firstUncounted: uncounted.slice(0, most.uncounted),
    right: rightOf(summary),
  });
}

/** Without the text that was searched in payloads. */
export function masked<Summary extends OperationSummary>(operation: Summary): Summary {
  return operation.on === 'messages'
    ? { ...operation, filter: withoutPayloadText(operation.filter) }
    : operation;
}
