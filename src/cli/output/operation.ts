/** What an act on all that match has done, or would do. */
import type { TenantCount } from '../../fleet/messages/counted-tenants.ts';
import type { ResumedOperation } from '../../fleet/stored-operations/operation.ts';
import { FailedError } from '../errors.ts';
import { noTenants, type TenantFailure, whereRead } from '../failures.ts';
import { capital, counted, countedOrMore, number } from './text.ts';

/** `replayed`, `would be replayed` */
interface ActWords {
  readonly would: string;
  readonly did: string;
}

function tenantLines(tenants: readonly TenantCount[], isOne: boolean): string[] {
  if (isOne) return [];
  return tenants.map(
    ({ tenantId, count, atLeast }) => `${tenantId}: ${atLeast ? 'at least ' : ''}${number(count)}`,
  );
}

/** @param selected how many tenants were selected */
export function countedText(
  {
    count,
    atLeast,
    tenants,
    failures,
  }: {
    count: number;
    atLeast: boolean;
    tenants: readonly TenantCount[];
    failures: readonly TenantFailure[];
  },
  selected: number,
  noun: string,
  { would }: Pick<ActWords, 'would'>,
): string {
  if (selected === 0) return noTenants;
  const failed = failures.length;
  if (failed === selected) return '';
  const where = whereRead({ selected, read: selected - failed, failed });
  if (count === 0 && !atLeast) return `No ${noun} matches${where}.`;
  return [
    ...tenantLines(tenants, selected === 1),
    `${capital(countedOrMore(count, atLeast, noun))} ${would}${where}. Nothing was changed; add --yes to make the change.`,
  ].join('\n');
}

type EndedOperation = Pick<ResumedOperation, 'id' | 'state' | 'takenOver'>;

/** @param count how many messages this process has changed */
export function changedText(
  { count, tenants }: { count: number; tenants: readonly TenantCount[] },
  selected: number,
  noun: string,
  { did }: Pick<ActWords, 'did'>,
  operation: EndedOperation,
): string {
  const { id, state, takenOver } = operation;
  const end = takenOver
    ? `, and then another process took over operation ${id}.`
    : state === 'done'
      ? `. This was operation ${id}.`
      : `, and then operation ${id} was ${state === 'cancelled' ? 'cancelled' : 'interrupted'}.`;
  return [...tenantLines(tenants, selected === 1), `${counted(count, noun)} ${did}${end}`].join('\n');
}

/**
 * Makes the command fail after it has shown its results, unless it has worked on the operation to its end.
 * @throws FailedError
 */
export function throwUnlessDone({ id, state, takenOver }: EndedOperation): void {
  if (takenOver)
    throw new FailedError(
      `Another process took over operation ${id}; see its end with 'multi-outbox operations show ${id}'.`,
    );
  if (state === 'cancelled')
    throw new FailedError(`Operation ${id} was cancelled before its end; what it had changed stays.`);
  if (state !== 'done')
    throw new FailedError(`Operation ${id} was interrupted; run 'multi-outbox operations resume ${id}'.`);
}
