/** What tenants did in the last 24 hours, for the small charts of the table. */
import { hourMs } from '../../engine/history.ts';
import { isMultiOutboxError } from '../../errors.ts';
import type { MultiOutbox } from '../../multi-outbox-interface.ts';

const hours = 24;
/** How many tenants' histories are read at once. */
const parallel = 8;

/** Messages by hour, the oldest hour first; the last one is the present hour. */
export interface Activity {
  readonly done: readonly number[];
  /** Failed attempts and deaths. */
  readonly failed: readonly number[];
}

/** Leaves out the tenants that are not known. @throws the registry's error, which must not look like hours without messages */
export async function activityOf(
  { history }: Pick<MultiOutbox, 'history'>,
  ids: readonly string[],
  now: Date,
): Promise<Record<string, Activity>> {
  const found: Record<string, Activity> = {};
  const left = [...new Set(ids)];
  const present = Math.floor(now.getTime() / hourMs);
  const work = async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const points = await history({ tenant: id, since: hours * hourMs }).then(
        (read) => read.points,
        (error) => {
          if (isMultiOutboxError(error, 'UNKNOWN_TENANT')) return null;
          throw error;
        },
      );
      if (points === null) continue;
      const done = new Array<number>(hours).fill(0);
      const failed = new Array<number>(hours).fill(0);
      for (const { utc, counts } of points) {
        const hour = hours - 1 - (present - Math.floor(utc.getTime() / hourMs));
        if (hour < 0 || hour >= hours) continue;
        done[hour]! += counts.done;
        failed[hour]! += counts.retried + counts.dead;
      }
      found[id] = { done, failed };
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return found;
}
