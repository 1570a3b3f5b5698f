/** Q4, Q9: no procedure scans a queue's table, however many rows it has when the server compiles the plan. */
import { walks } from '../../src/engine/message-search.ts';
import { fillOutbox } from './backlog.ts';
import { lease, look, produce, run } from './every-procedure.ts';
import { actualPlans, cachedPlans, forgetPlans, type ProcedurePlan, procedures } from './plan-cache.ts';
import type { BlockingScene } from './scene.ts';
import { type Access, accessesOf, scansOf } from './showplan.ts';

const tables = ['Outbox', 'Inbox'];
/** Procedures that people call: each counts or lists every row of a state, by the index of that state. */
const forPeople = /_(?:Statistics|Find)$/;

/**
 * Two indexes of one state's rows (IX_…, see sql/parts/queue-table.sql) may be read from their end: a run reads all of
 * the index of claimed messages, and the first rows of the index of due messages. Other indexes may be read so only for
 * people, and an index of all rows never.
 */
function isAllowed({ index, isOrdered }: Access, procedure: string): boolean {
  if (/^IX_\w+_Claimed$/.test(index)) return true;
  if (/^IX_\w+_Due$/.test(index) && isOrdered) return true;
  return forPeople.test(procedure) && /^IX_/.test(index);
}

function scansIn(plans: readonly ProcedurePlan[]): string[] {
  return plans.flatMap(({ procedure, showplan }) =>
    scansOf(showplan, tables)
      .filter((access) => !isAllowed(access, procedure))
      .map(({ operator, index, statement }) => `${procedure}: ${operator} of ${index}: ${statement}`),
  );
}

export function plansSuite(scene: BlockingScene): void {
  describe('plans', () => {
    test.each([0, 200, 1_000_000])(
      'Q4, Q9: with %d messages no cached plan scans the table of a queue',
      async (count) => {
        const { tenant, pool } = scene;
        await scene.empty();
        await fillOutbox(pool, count);
        await forgetPlans(pool);
        await produce(tenant, pool);
        await run(tenant);
        await lease(tenant.leases);
        await look(tenant, pool);
        const plans = await cachedPlans(pool);
        // Without this check, a procedure without a cached plan would pass.
        const planned = new Set(plans.map(({ procedure }) => procedure));
        expect((await procedures(pool)).filter((name) => !planned.has(name))).toEqual([]);
        const reading = plans.filter(({ showplan }) =>
          accessesOf(showplan).some(({ table }) => tables.includes(table)),
        );
        expect(reading.map(({ procedure }) => procedure)).toEqual(
          expect.arrayContaining(
            ['Enqueue', 'EnqueueMany', 'Begin', 'LeaseSettleClaim', 'Complete'].map(
              (name) => `Outbox_${name}`,
            ),
          ),
        );
        expect(scansIn(plans)).toEqual([]);
      },
      900_000,
    );

    // The plan cache does not keep statements with OPTION (RECOMPILE), so these tests ask for their plans. The outbox
    // is still full from the last test.
    test.each(walks)(
      'with 1,000,000 messages the statements of Find along %s, compiled at each call, scan no table',
      async (walk) => {
        const procedure = 'Outbox_Find';
        const keys = "@MessageIds = N'[]', @DedupKey = N'none', @OrderingKey = N'none', @Topic = N'orders'";
        const batch = `EXEC messaging.${procedure} @Walk = N'${walk}', @Limit = 1, ${keys}`;
        const plans = (await actualPlans(scene.pool, batch)).map((showplan) => ({ procedure, showplan }));
        expect(plans.flatMap(({ showplan }) => accessesOf(showplan)).map(({ table }) => table)).toContain(
          'Outbox',
        );
        expect(scansIn(plans)).toEqual([]);
      },
      120_000,
    );
  });
}
