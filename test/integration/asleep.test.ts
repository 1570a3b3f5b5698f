/** F6: a database that could be asleep is not touched between due times. Connections are counted, not runs. */
import { DatabaseSync } from 'node:sqlite';
import type { RunReport } from '../../src/fleet/dispatch/run-report.ts';
import type { MultiOutbox, MultiOutboxOptions } from '../../src/multi-outbox.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { until } from '../support/until.ts';

/** The real engine, which records the files that it opens. */
jest.mock('node:sqlite', () => {
  const real = jest.requireActual<typeof import('node:sqlite')>('node:sqlite');
  class DatabaseSync extends real.DatabaseSync {
    static readonly opened: string[] = [];
    constructor(...given: ConstructorParameters<typeof real.DatabaseSync>) {
      super(...given);
      DatabaseSync.opened.push(String(given[0]));
    }
  }
  return { ...real, DatabaseSync };
});

/** The files that connections were opened to, in order. */
const { opened } = DatabaseSync as unknown as { readonly opened: readonly string[] };
const place = new FleetPlace();
const connectionsTo = (id: string) => opened.filter((file) => file.includes(`${id}.db`)).length;

/** Plans continuously and closes unused connections at once, so that every touch is a connection. */
const eager: MultiOutboxOptions = {
  plan: { intervalMs: 10 },
  databases: { idleCloseMs: 1 },
  schedule: { idleFloorMs: 10, idleCeilingMs: 10 },
};

interface Host {
  readonly runs: RunReport[];
  /** The number of plans that found a due tenant. */
  readonly plans: () => number;
  stop(): Promise<void>;
}

function host(face: MultiOutbox): Host {
  const runs: RunReport[] = [];
  let plans = 0;
  const stopping = new AbortController();
  const running = face.run({
    signal: stopping.signal,
    onPlan: ({ requests }) => {
      if (requests.length > 0) plans++;
    },
    onRun: ({ report }) => {
      if (report) runs.push(report);
    },
  });
  return {
    runs,
    plans: () => plans,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

const runsOf = ({ runs }: Host, id: string) => runs.filter(({ tenantId }) => tenantId === id);

async function morePlans({ plans }: Host, count: number): Promise<void> {
  const before = plans();
  await until(`${count} plans for others`, () => plans() >= before + count);
}

test("F6: with a ceiling of 'never' a tenant is touched when registered and when woken, and at no other time", async () => {
  const face = await place.fleet(['busy', 'asleep'], { ...eager, handlers: noting().handlers });
  await face.tenants.change({ id: 'asleep', overrides: { idleCeilingMs: 'never' } });
  const before = connectionsTo('asleep');
  const running = host(face);
  await until('it was looked at', () => runsOf(running, 'asleep').length === 1);
  await morePlans(running, 20);
  expect(connectionsTo('asleep') - before).toBe(1);
  expect(connectionsTo('busy')).toBeGreaterThan(10);
  await face.wake('asleep');
  await until('it was looked at', () => runsOf(running, 'asleep').length === 2);
  await morePlans(running, 20);
  expect(connectionsTo('asleep') - before).toBe(2);
  // Status and lists come from the registry.
  await face.status();
  await face.worst();
  await face.tenants.get('asleep');
  expect(connectionsTo('asleep') - before).toBe(2);
  await running.stop();
});

test('F6, Q11: the tenant of a delayed message is touched at its due time, and not before', async () => {
  const { seen, handlers } = noting();
  const face = await place.fleet(['busy', 'asleep'], { ...eager, handlers });
  await face.tenants.change({ id: 'asleep', overrides: { idleCeilingMs: 'never' } });
  await face.outbox('asleep').enqueue({ topic: 'orders', payload: 'later', delay: '700ms' });
  const before = connectionsTo('asleep');
  const running = host(face);
  await until('it is dispatched', () => seen.includes('asleep:later'));
  await morePlans(running, 20);
  const outcomes = runsOf(running, 'asleep').map(({ outcome }) => outcome);
  // On a slow machine the tenant may already be due at the first tick.
  expect([['idle', 'dispatched'], ['dispatched']]).toContainEqual(outcomes);
  // The first run may use the connection that enqueued.
  expect(connectionsTo('asleep') - before).toBeLessThanOrEqual(2);
  await running.stop();
});

test('F5, F6: a tenant with a ceiling is not touched until its interval is over', async () => {
  const face = await place.fleet(['busy', 'quiet'], {
    ...eager,
    schedule: { idleFloorMs: '1h', idleCeilingMs: '1h' },
    handlers: noting().handlers,
  });
  const running = host(face);
  await until('it was looked at', () => runsOf(running, 'quiet').length === 1);
  const before = connectionsTo('quiet');
  for (let count = 1; count <= 20; count++) {
    await face.wake('busy');
    await until('the other was looked at', () => runsOf(running, 'busy').length > count);
  }
  expect(connectionsTo('quiet')).toBe(before);
  expect(runsOf(running, 'quiet')).toHaveLength(1);
  await running.stop();
});
