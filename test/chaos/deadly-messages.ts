/** Q7: a message that kills the process that runs it. */
import { resolve } from 'node:path';
import { MessageStatus } from '../../src/index.ts';
import type { Fleet } from './fleet.ts';
import type { KillHarness } from './harness.ts';
import { Scene, type SceneOptions, timeoutMs } from './scene.ts';
import { until } from './until.ts';

const maxAttempts = 3;
const options: SceneOptions = {
  tenants: 1,
  latencyMs: [5, 30],
  // The test counts attempts exactly, and a lease lost on a slow machine would add some.
  patient: true,
  args: ['--handlers', resolve('test/chaos/fixtures/handlers.mjs')],
  environment: {
    MULTI_OUTBOX_RETRY_MAX_ATTEMPTS: String(maxAttempts),
    MULTI_OUTBOX_HANDLER_TIMEOUT: '1s',
  },
};
const effect = { body: { refusals: 0 } };

/** Starts host after host, as a supervisor would, until everything is settled; returns how many died. */
async function supervise(scene: Scene, onFirstDeath: () => Promise<void> = async () => {}): Promise<number> {
  let deaths = 0;
  for (;;) {
    const host = scene.startHost();
    let isSettled = false;
    await until('the host has died, or everything is settled', async () => {
      isSettled = await scene.fleet.settled();
      return isSettled || host.exit !== undefined;
    });
    if (isSettled) {
      await scene.stop([host]);
      return deaths;
    }
    await scene.casualties.count(host, performance.now());
    deaths++;
    if (deaths === 1) await onFirstDeath();
    expect(deaths).toBeLessThanOrEqual(2 * maxAttempts);
  }
}

interface Batch {
  readonly deadly: string;
  readonly mates: readonly string[];
  /** Messages sent after the first death, so they are never in flight beside the deadly one. */
  readonly later: string[];
}

/** A deadly message in the middle of a batch, with and without an ordering key around it. */
async function sendBatch(fleet: Fleet, tenantId: string, topic: string): Promise<Batch> {
  const post = { topic: 'post', payload: effect };
  const inLine = { ...post, orderingKey: 'line' };
  const before = await fleet.send(tenantId, [post, inLine]);
  const [deadly] = (await fleet.send(tenantId, [{ topic, payload: effect }])) as [string];
  const after = await fleet.send(tenantId, [inLine, post, post, post, post]);
  return { deadly, mates: [...before, ...after], later: [] };
}

/**
 * Checks that the deadly message has had all its attempts, and that every other message is dispatched with at most the
 * given number of extra attempts.
 */
async function expectFates(scene: Scene, tenantId: string, batch: Batch, mateAttempts: number) {
  const { fleet, effects, casualties } = scene;
  expect(effects.of(batch.deadly)).toBe(maxAttempts);
  expect(await fleet.record(tenantId, batch.deadly)).toMatchObject({
    status: MessageStatus.Dead,
    attempts: maxAttempts,
  });
  for (const messageId of [...batch.mates, ...batch.later]) {
    const { status, attempts } = await fleet.record(tenantId, messageId);
    expect(status).toBe(MessageStatus.Done);
    expect(attempts).toBeLessThanOrEqual(batch.later.includes(messageId) ? 1 : mateAttempts);
    expect(effects.of(messageId)).toBeGreaterThanOrEqual(1);
    expect(effects.of(messageId)).toBeLessThanOrEqual(attempts);
  }
  const duplicates = effects.accepted.length - effects.messages;
  expect(duplicates).toBeLessThanOrEqual(casualties.certain + casualties.possible + maxAttempts - 1);
  expect((await fleet.queue(tenantId)).lease!.held).toBe(false);
}

export function deadlyMessageSuite(harness: KillHarness): void {
  test.each(['exit', 'kill'])(
    'Q7: a message whose handler ends the process (%s) goes to Dead after its attempts; its batch mates are dispatched and pay with one attempt at most',
    (topic) =>
      Scene.play(harness, options, async (scene) => {
        const [tenantId] = scene.fleet.tenantIds as [string];
        const batch = await sendBatch(scene.fleet, tenantId, topic);
        const sendLater = async () => {
          batch.later.push(
            ...(await scene.fleet.send(tenantId, Array(6).fill({ topic: 'post', payload: effect }))),
          );
        };
        expect(await supervise(scene, sendLater)).toBe(maxAttempts);
        await expectFates(scene, tenantId, batch, 2);
        const { lastError } = await scene.fleet.record(tenantId, batch.deadly);
        expect(lastError).toMatch(/^The message was started 3 times/);
        return undefined;
      }),
    timeoutMs(maxAttempts),
  );

  test(
    'Q7, D8: a message whose handler throws outside its run goes to Dead after its attempts; no other message is affected',
    () =>
      Scene.play(harness, options, async (scene) => {
        const [tenantId] = scene.fleet.tenantIds as [string];
        const batch = await sendBatch(scene.fleet, tenantId, 'throw');
        expect(await supervise(scene)).toBe(0);
        await expectFates(scene, tenantId, batch, 1);
        return undefined;
      }),
    timeoutMs(maxAttempts),
  );
}
