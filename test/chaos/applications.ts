/** Q3: applications that are killed in the middle of their transactions, while a host dispatches what they commit. */
import type { KillHarness } from './harness.ts';
import type { Program } from './program.ts';
import { rounds, Scene, timeoutMs } from './scene.ts';

interface Step {
  readonly ids: readonly string[];
  readonly ended?: 'commit' | 'rollback';
}

interface Fate {
  readonly committed: Step[];
  readonly rolledBack: Step[];
  /** The transaction in which it was killed; it may already be committed. */
  readonly open: Step | undefined;
}

interface DieAt {
  readonly transaction: number;
  readonly step: 'before-commit' | 'after-commit';
}

function startApplication(scene: Scene, tenantId: string, dieAt?: DieAt): Program {
  const { stage } = scene.fleet;
  const { module, options } = stage.transactions;
  const job = { registry: stage.registry, tenantId, url: scene.effects.url, module };
  return scene.startFixture('application.mjs', { ...job, options: options(tenantId), dieAt });
}

function fateOf(application: Program): Fate {
  const steps = application.output<Step>();
  const last = steps.at(-1);
  return {
    committed: steps.filter(({ ended }) => ended === 'commit'),
    rolledBack: steps.filter(({ ended }) => ended === 'rollback'),
    open: last?.ended === undefined ? last : undefined,
  };
}

const twoEnds = ['before-commit', 'after-commit'] as const;

export function applicationSuite(harness: KillHarness): void {
  test(
    'Q3: an application is killed in its transactions: all committed messages are dispatched, and no others',
    () =>
      Scene.play(harness, { tenants: 2 }, async (scene) => {
        const { fleet } = scene;
        const never: string[] = [];
        const sentAt = performance.now();
        const host = scene.startHost();

        function take(tenantId: string, ids: readonly string[]): void {
          for (const messageId of ids) {
            fleet.sent.set(messageId, { tenantId, messageId, orderingKey: null, delayMs: 0, sentAt });
          }
        }

        async function bury(tenantId: string, application: Program, mustBe?: 'stored' | 'absent') {
          expect(await application.exited).toEqual({ code: null, signal: 'SIGKILL' });
          scene.casualties.kills++;
          await fleet.stage.gone?.(application.pid);
          const { committed, rolledBack, open } = fateOf(application);
          for (const { ids } of committed) take(tenantId, ids);
          for (const { ids } of rolledBack) never.push(...ids);
          if (open === undefined) return;
          const records = await Promise.all(open.ids.map((id) => fleet.multiOutbox.outbox(tenantId).get(id)));
          const stored = records.filter((record) => record !== null).length;
          expect([0, open.ids.length]).toContain(stored);
          if (mustBe !== undefined) expect(stored > 0 ? 'stored' : 'absent').toBe(mustBe);
          if (stored > 0) take(tenantId, open.ids);
          else never.push(...open.ids);
        }

        for (let round = 0; round < rounds * 2; round++) {
          const tenantId = scene.random.pick(fleet.tenantIds);
          const application = startApplication(scene, tenantId);
          await scene.moment(500);
          application.signal('SIGKILL');
          await bury(tenantId, application);
        }
        for (const step of twoEnds) {
          const tenantId = scene.random.pick(fleet.tenantIds);
          // Every fourth transaction is rolled back, but not these, whose numbers follow a multiple of four.
          const transaction = 4 * scene.random.between(1, 5) + 1;
          const application = startApplication(scene, tenantId, { transaction, step });
          await bury(tenantId, application, step === 'after-commit' ? 'stored' : 'absent');
        }

        expect(never.length).toBeGreaterThan(0);
        const figures = await scene.finish([host]);
        for (const tenantId of fleet.tenantIds) {
          const outbox = fleet.multiOutbox.outbox(tenantId);
          const seen = await Promise.all(never.map((messageId) => outbox.get(messageId)));
          expect(seen.filter((record) => record !== null)).toEqual([]);
        }
        return figures;
      }),
    timeoutMs(rounds * 2),
  );
}
