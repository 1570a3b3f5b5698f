/**
 * T1, T4, I1: handlers that write rows with `context.transaction` are killed, and their messages arrive more than once:
 * rows in = rows out, exactly.
 */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { PointName } from '../../src/telemetry/points.ts';
import type { KillHarness } from './harness.ts';
import type { Program } from './program.ts';
import { rounds, Scene, type SceneOptions, timeoutMs } from './scene.ts';
import { until } from './until.ts';

const options: SceneOptions = {
  tenants: 2,
  args: ['--handlers', resolve('test/chaos/fixtures/ledger-handlers.mjs')],
};
const points: readonly { point: PointName; upTo: number }[] = [
  { point: 'commit:before', upTo: 30 },
  { point: 'commit:after', upTo: 30 },
  { point: 'settle:before', upTo: 12 },
];
const enough = 12;

/** The messages received, and the rows that the ledgers must have for them. */
class Ledgers {
  readonly #scene: Scene;
  readonly #received = new Map<string, string[]>();

  private constructor(scene: Scene) {
    this.#scene = scene;
  }

  static async open(scene: Scene): Promise<Ledgers> {
    const { stage, tenantIds } = scene.fleet;
    for (const tenantId of tenantIds) {
      await stage.query(tenantId, 'DROP TABLE IF EXISTS Ledger');
      await stage.query(
        tenantId,
        'CREATE TABLE Ledger (Queue VARCHAR(10) NOT NULL, Entry VARCHAR(36) NOT NULL)',
      );
    }
    return new Ledgers(scene);
  }

  /** Sends messages to every tenant unless enough are waiting: with and without ordering keys, some of them twice. */
  async receive(): Promise<void> {
    if ((await this.#open()) >= enough) return;
    const { random, fleet } = this.#scene;
    for (const tenantId of fleet.tenantIds) {
      const messages = Array.from({ length: 2 * enough }, () => ({
        source: 'bank',
        messageId: randomUUID() as string,
        topic: 'enter',
        payload: { fails: random.chance(0.1) },
        ...(random.chance(0.3) && { orderingKey: random.pick(['k-1', 'k-2']) }),
      }));
      const inbox = fleet.multiOutbox.inbox(tenantId);
      await inbox.receive(messages);
      await inbox.receive(messages.filter(() => random.chance(0.3)));
      const all = this.#received.get(tenantId) ?? [];
      this.#received.set(tenantId, [...all, ...messages.map(({ messageId }) => messageId)]);
    }
  }

  /** Keeps the host in work until it is killed. */
  async feedUntilKilled(host: Program): Promise<void> {
    await until(
      `process ${host.pid} was killed`,
      async () => {
        if (host.exit === undefined) await this.receive();
        return host.exit !== undefined;
      },
      60_000,
    );
    await this.#buried(host);
  }

  async kill(host: Program): Promise<void> {
    await host.kill();
    await this.#buried(host);
  }

  /** Dispatches the remaining messages, and compares the ledgers with the messages received. */
  async close(): Promise<void> {
    const { fleet } = this.#scene;
    const host = this.#scene.startHost();
    await this.#scene.whileAlive([host], 'everything is settled', async () => (await this.#open()) === 0);
    await this.#scene.stop([host]);
    for (const tenantId of fleet.tenantIds) {
      const expected = [...this.#received.get(tenantId)!].sort();
      const rows = await fleet.stage.query(tenantId, 'SELECT Queue, Entry FROM Ledger');
      for (const queue of ['inbox', 'outbox'] as const) {
        const entries = rows.filter((row) => row.Queue === queue).map(({ Entry }) => Entry);
        expect(entries.sort()).toEqual(expected);
        const statistics = await fleet.multiOutbox[queue](tenantId).statistics();
        expect(statistics).toMatchObject({ done: expected.length, dead: 0, blocked: 0 });
      }
    }
  }

  /** Messages that are not settled. The inboxes come first: a message's own one appears in the outbox when it leaves the inbox. */
  async #open(): Promise<number> {
    const { multiOutbox, tenantIds } = this.#scene.fleet;
    let open = 0;
    for (const queue of ['inbox', 'outbox'] as const)
      for (const id of tenantIds) {
        const { ready, claimed } = await multiOutbox[queue](id).statistics();
        open += ready + claimed;
      }
    return open;
  }

  async #buried(host: Program): Promise<void> {
    expect(await host.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await this.#scene.fleet.stage.gone?.(host.pid);
  }
}

export function ledgerSuite(harness: KillHarness): void {
  test.each(points)(
    'T1, T4: killed at $point: every message has written its row exactly once',
    ({ point, upTo }) =>
      Scene.play(harness, options, async (scene) => {
        const ledgers = await Ledgers.open(scene);
        for (let round = 0; round < rounds; round++) {
          const count = scene.random.between(1, upTo);
          await ledgers.feedUntilKilled(scene.startHost({ point, count }));
        }
        await ledgers.close();
        return undefined;
      }),
    timeoutMs(rounds),
  );

  test(
    'T1, T4: killed at any moment: every message has written its row exactly once',
    () =>
      Scene.play(harness, options, async (scene) => {
        const ledgers = await Ledgers.open(scene);
        for (let round = 0; round < rounds * 4; round++) {
          await ledgers.receive();
          const host = scene.startHost();
          await scene.moment(1_000);
          await ledgers.kill(host);
        }
        await ledgers.close();
        return undefined;
      }),
    timeoutMs(rounds * 4),
  );
}
