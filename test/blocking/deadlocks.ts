/**
 * Under load no producer is the victim of a deadlock, and no deadlock happens between producers, runs and operators.
 */

import type * as mssql from 'mssql';
import { MultiOutboxError } from '../../src/errors.ts';
import { add, ids as idsOf, planAll, report } from '../conformance/registry-entry.ts';
import { begin, dead, done, message, next, release, settle } from '../conformance/run.ts';
import { discardDead, replayDead } from '../support/dead-letters.ts';
import type { BlockingScene } from './scene.ts';

const deadlockNumber = 1205;
const producers = 4;
/** Transactions of each producer. */
const transactions = 100;
const never = new AbortController().signal;

export function deadlocksSuite(scene: BlockingScene): void {
  describe('deadlocks under load', () => {
    beforeEach(() => scene.empty());

    test('Q4: producers, runs, handlers and operators on one queue do not deadlock', async () => {
      const before = await deadlocks(scene.pool);
      await scene.databases.batch(
        scene.name,
        'CREATE TABLE dbo.Orders (Id int IDENTITY PRIMARY KEY, Text nvarchar(40) NOT NULL)',
      );
      let isProducing = true;
      const victims: unknown[] = [];
      const produced = Promise.all(
        Array.from({ length: producers }, (_, nth) => produceOrders(scene, `producer ${nth}`, victims)),
      ).finally(() => {
        isProducing = false;
      });
      const queue = scene.tenant.queue('outbox');
      const others = [
        ...['host 1', 'host 2'].map((owner) => dispatch(scene, owner, () => isProducing)),
        repeat(
          () => isProducing,
          () => replayDead(queue, { topic: 'orders' }, 20),
        ),
        repeat(
          () => isProducing,
          () => discardDead(queue, { topic: 'orders', olderThanMs: 1 }, 5),
        ),
        repeat(
          () => isProducing,
          async () => {
            const { leases } = scene.tenant;
            const lease = { name: 'a lease', owner: 'a user', durationMs: 60_000 };
            const acquired = await leases.acquire(lease);
            if (acquired.status !== 'acquired') throw new Error('expected the lease');
            const { fence, acquisitionId } = acquired;
            await leases.renew({ ...lease, fence, acquisitionId }, 60_000);
            await leases.release({ ...lease, fence, acquisitionId });
          },
        ),
      ];
      await Promise.all([produced, ...others]);
      expect({ victims, deadlocks: (await deadlocks(scene.pool)) - before }).toEqual({
        victims: [],
        deadlocks: 0,
      });
      // A Dead message blocks its ordering key. After a replay of all of them, the rest can be dispatched.
      await replayDead(queue, {}, 100_000);
      await dispatch(scene, 'the last host', () => false);
      expect(await queue.statistics()).toMatchObject({ ready: 0, claimed: 0, dead: 0 });
      const { recordset } = await scene.pool.request().query('SELECT COUNT(*) AS Orders FROM dbo.Orders');
      expect(recordset).toEqual([{ Orders: producers * transactions }]);
    }, 300_000);

    test('F3, D7, F7: planners, reports and wakes of the same tenants all succeed; a deadlock is repeated', async () => {
      const { registry } = scene;
      const ids = Array.from({ length: 40 }, (_, nth) => `tenant ${nth}`.replace(' ', '-'));
      for (const id of ids) await add(registry, id);
      const hosts = [scene.host().registry, scene.host().registry];
      let rounds = 100;
      const goOn = () => --rounds > 0;
      await Promise.all(
        hosts.flatMap((host, nth) => [
          repeat(goOn, () => planAll(host)),
          repeat(goOn, () => host.wake(nth === 0 ? ids : ids.toReversed())),
          repeat(goOn, () => report(host, ids[rounds % ids.length]!, { nextDueInMs: 0 })),
          repeat(goOn, () => host.setStatus(ids[(rounds + nth) % ids.length]!, 'active')),
        ]),
      );
      expect(idsOf(await registry.list()).filter((id) => ids.includes(id))).toHaveLength(ids.length);
    }, 300_000);
  });
}

/**
 * Stores an application's own row and its messages in one transaction, as often as `transactions` says. Collects the
 * errors of deadlocks.
 */
async function produceOrders(scene: BlockingScene, name: string, victims: unknown[]): Promise<void> {
  const queue = scene.tenant.queue('outbox');
  for (let nth = 0; nth < transactions; nth++) {
    const key = `key ${nth % 5}`;
    await scene
      .inTransaction('commit', async (transaction) => {
        await transaction.request().query(`INSERT dbo.Orders (Text) VALUES (N'${name} ${nth}')`);
        await queue.enqueue([message(`${nth}`, { orderingKey: key })], transaction);
        await queue.enqueue([message(`${nth}`, { dedupKey: `${name} ${nth}` })], transaction);
        const many = Array.from({ length: 20 }, (_, index) =>
          message(`${index}`, index % 2 === 0 ? { orderingKey: key } : {}),
        );
        await queue.enqueue(many, transaction);
        await queue.enqueue([message('again', { dedupKey: `${name} ${nth}` })], transaction);
      })
      .catch((error: unknown) => {
        if (!isDeadlock(error)) throw error;
        victims.push(error);
      });
  }
}

/** Dispatches until nothing is due and no more is produced. One message in 20 dies; one in a batch has a transaction. */
async function dispatch(scene: BlockingScene, owner: string, isProducing: () => boolean): Promise<void> {
  const queue = scene.host().tenant.queue('outbox');
  for (;;) {
    const wasProducing = isProducing();
    const run = await begin(queue, { owner, durationMs: 60_000, limit: 50 });
    if (run.status === 'idle' && !wasProducing) return;
    if (run.status !== 'claimed') {
      // Another host has the lease, or nothing is due yet.
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    let { messages } = run;
    for (let batches = 0; messages.length > 0 && batches < 10; batches++) {
      const [first, ...others] = messages;
      await queue.transact({ lease: run.lease, ...first!, signal: never }, async (transaction) => {
        const request = (transaction as mssql.Transaction).request();
        await request.query(`UPDATE dbo.Orders SET Text = Text WHERE Id = 1`);
      });
      const outcomes = others.map((each) =>
        wasProducing && each.sequence % 20 === 0 ? dead(each) : done(each),
      );
      ({ messages } = await settle(queue, run.lease, outcomes, next({ limit: 50 })));
    }
    await settle(queue, run.lease, messages.map(done), release);
  }
}

async function repeat(goOn: () => boolean, work: () => Promise<unknown>): Promise<void> {
  while (goOn()) await work();
}

function isDeadlock(error: unknown): boolean {
  const cause = error instanceof MultiOutboxError ? error.cause : error;
  return (cause as { number?: number } | undefined)?.number === deadlockNumber;
}

/** The deadlocks of the whole server since its start. Therefore this suite runs alone on its server. */
async function deadlocks(pool: mssql.ConnectionPool): Promise<number> {
  const { recordset } = await pool.request().query<{ Count: string }>(`
    SELECT cntr_value AS Count FROM sys.dm_os_performance_counters
    WHERE counter_name = N'Number of Deadlocks/sec' AND instance_name = N'_Total'`);
  return Number(recordset[0]!.Count);
}
