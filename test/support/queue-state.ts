import type { TenantReport } from '../../src/engine/tenant-report.ts';

type State = NonNullable<NonNullable<TenantReport['queues']>['outbox']>;

/** What a run reports of an empty queue, except for the fields given. */
export function queueState(fields: Partial<State> = {}): State {
  return {
    ready: 0,
    due: 0,
    blocked: 0,
    dead: 0,
    parked: [],
    atLeast: [],
    isEmpty: false,
    ageMs: 0,
    oldestDueAgeMs: null,
    nextDueInMs: null,
    ...fields,
  };
}

/** What a run reports of an outbox with one parked message of each of these topics. */
export function parkedOutbox(...topics: readonly string[]): { outbox: State } {
  const parked = topics.map((topic) => ({ topic, count: 1 }));
  return { outbox: queueState({ ready: topics.length, parked }) };
}
