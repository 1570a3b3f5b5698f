/** An act on many tenants, in requests of so many at a time, and in words what has become of each. */
import type { ActedOnTenants } from '../../routes/many-tenants.ts';
import { count, counted } from '../format.ts';
import type { Run } from './act-run.ts';

/** So many tenants are sent at once; the server takes no more. */
export const batchSize = 100;

/** So many tenants are named of each reason. */
const named = 5;

/** Reasons of one tenant, which say nothing about the next. */
const ofOneTenant: ReadonlySet<string> = new Set([
  'TENANT_NOT_ACTIVE',
  'TENANT_CHANGED',
  'UNKNOWN_TENANT',
  'TENANT_RETIRED',
  'TENANT_UNCHANGED',
  'INVALID_TENANT',
  'DATABASE_IN_USE',
]);

/**
 * Ends behind the batch during which the signal fires, at an error, and when no tenant of a batch is changed for one and the
 * same reason that is not its own: the next batch would be left for it too.
 *
 * @param send acts on the tenants of one batch
 * @param done what the act makes of a tenant, as in '3 tenants resumed'
 */
export function actOnMany(
  ids: readonly string[],
  done: string,
  send: (ids: readonly string[]) => Promise<ActedOnTenants>,
): Run {
  return async (onProgress, signal) => {
    let changed = 0;
    let unknown = 0;
    let tried = 0;
    let why = '';
    const reasons = new Map<string, Reason>();
    while (tried < ids.length && !signal.aborted) {
      if (ids.length > batchSize) onProgress({ done: tried, of: ids.length });
      const batch = ids.slice(tried, tried + batchSize);
      try {
        const answer = await send(batch);
        tried += batch.length;
        changed += answer.changed;
        addReasons(reasons, answer.left);
        if (isLeftForOneReason(batch, answer)) break;
      } catch (error) {
        const isRefused = wasRefused(error);
        if (isRefused && tried === 0) throw error;
        if (!isRefused) {
          unknown = batch.length;
          tried += batch.length;
        }
        why = ` ${error instanceof Error ? error.message : String(error)}`;
        break;
      }
    }
    const rest = ids.length - tried;
    return [
      `${counted(changed, 'tenant')} ${done}.`,
      ...(unknown > 0 ? [`${counted(unknown, 'tenant')}: not known whether they were changed.${why}`] : []),
      ...(rest > 0 ? [`Stopped: ${counted(rest, 'tenant')} not tried.${unknown > 0 ? '' : why}`] : []),
      ...textsOf(reasons),
    ].join(' ');
  };
}

/** Whether the server has said that it did nothing. Without an answer, or when it failed within, it may have acted. */
function wasRefused(error: unknown): boolean {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 500;
}

function isLeftForOneReason(batch: readonly string[], { changed, left }: ActedOnTenants): boolean {
  const [first] = left;
  return (
    changed === 0 &&
    first !== undefined &&
    left.length === batch.length &&
    !ofOneTenant.has(first.code) &&
    left.every(({ code }) => code === first.code)
  );
}

interface Reason {
  tenants: number;
  /** The first of them. */
  readonly ids: string[];
}

function addReasons(reasons: Map<string, Reason>, left: ActedOnTenants['left']): void {
  for (const { id, message } of left) {
    const reason = reasons.get(message) ?? { tenants: 0, ids: [] };
    reason.tenants++;
    if (reason.ids.length < named) reason.ids.push(id);
    reasons.set(message, reason);
  }
}

/** The tenants that were not changed, by reason. */
function textsOf(reasons: ReadonlyMap<string, Reason>): string[] {
  return [...reasons].map(([text, { tenants, ids }]) => {
    const names = `${ids.join(', ')}${tenants > ids.length ? ' and others' : ''}`;
    return `${count(tenants)} ${tenants === 1 ? 'tenant was' : 'tenants were'} not changed (${names}): ${text}`;
  });
}
