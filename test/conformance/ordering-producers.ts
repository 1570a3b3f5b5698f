/**
 * Q10 while producers' transactions overlap: a message waits for an earlier one of its key, also for one that is not
 * committed yet. Each test also states what holds on a server that shows uncommitted rows to no other session.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TenantAddress } from '../../src/engine/engine.ts';
import { queueNames, type WorkQueue } from '../../src/engine/work-queue.ts';
import { begin, done, finish, line, message, next, payloads, settle, stored } from './run.ts';
import type { Scene } from './scene.ts';
import { until, whileGoingOn } from './until.ts';

/** Claims and settles until nothing is due. Returns the payloads in the order in which they were handed out. */
async function dispatch(queue: WorkQueue, limit = 1_000): Promise<string[]> {
  const run = await begin(queue, { limit });
  if (run.status !== 'claimed') return [];
  return payloads((await finish(queue, run, next({ limit }))).flat());
}

export function orderingProducersSuite(scene: Scene): void {
  /** Dispatches until all these messages were handed out, and returns them in that order. */
  async function dispatchAll(queue: WorkQueue, count: number): Promise<string[]> {
    const seen: string[] = [];
    await until(`${count} messages were dispatched`, async () => {
      seen.push(...(await dispatch(queue)));
      return seen.length >= count;
    });
    return seen;
  }

  /**
   * Stores `open` in a transaction that ends as told. Meanwhile, stores `later` in another one and commits it, and then
   * calls `look` if `later` could be committed: an embedded database has a single writer.
   */
  async function overlap(
    { queue, address }: { queue: WorkQueue; address: TenantAddress },
    {
      open,
      later,
      end,
      look,
    }: {
      open: ReturnType<typeof line>;
      later: ReturnType<typeof line>;
      end: 'commit' | 'rollback';
      look: () => Promise<void>;
    },
  ): Promise<void> {
    const another = scene.open(address, scene.anotherHost()).queue(queue.name);
    let storing: Promise<unknown> | undefined;
    await scene.stage.withTransaction(
      address,
      async (transaction) => {
        await queue.enqueue(open, transaction);
        storing = another.enqueue(later);
        storing.catch(() => {});
        if (!scene.harness.promises.producersNeverBlockClaims) return;
        await storing;
        await look();
      },
      end,
    );
    await storing;
  }

  const waits = () => scene.harness.promises.waitsForOpenTransactions;

  describe.each(queueNames)('ordering and open transactions: %s', (name) => {
    test('Q10: a message does not overtake an earlier one of its key that is committed later', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const early: string[] = [];
      await overlap(place, {
        open: line('K', 'K1'),
        later: [...line('K', 'K2', 'K3'), message('A'), ...line('L', 'L1')],
        end: 'commit',
        look: async () => {
          const run = await begin(queue);
          if (run.status !== 'claimed') throw new Error('expected a claim');
          early.push(...payloads(run.messages));
          expect(early).toEqual(waits() ? ['A', 'L1'] : ['K2', 'K3', 'A', 'L1']);
          expect(run.more).toBe(false);
          // The run looks at the key again soon, and not at once.
          if (waits()) {
            expect(run.nextDueInMs).toBeGreaterThan(0);
            expect(run.nextDueInMs).toBeLessThanOrEqual(1_000);
          }
          await settle(queue, run.lease, run.messages.map(done));
        },
      });
      const all = [...early, ...(await dispatchAll(queue, 5 - early.length))];
      expect(all.filter((payload) => payload.startsWith('K'))).toEqual(
        waits() ? ['K1', 'K2', 'K3'] : ['K2', 'K3', 'K1'],
      );
      expect([...all].sort()).toEqual(['A', 'K1', 'K2', 'K3', 'L1']);
    });

    test('Q10: when the earlier transaction is rolled back, the key goes on without it', async () => {
      const place = await scene.queue(name);
      const early: string[] = [];
      await overlap(place, {
        open: line('K', 'never'),
        later: line('K', 'K1', 'K2'),
        end: 'rollback',
        look: async () => {
          early.push(...(await dispatch(place.queue)));
          expect(early).toEqual(waits() ? [] : ['K1', 'K2']);
        },
      });
      expect([...early, ...(await dispatchAll(place.queue, 2 - early.length))]).toEqual(['K1', 'K2']);
      expect(await place.queue.statistics()).toMatchObject({ ready: 0, blocked: 0, done: 2 });
    });

    test('Q10: a claim ends before a message that is not committed, in the middle of its group', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      await queue.enqueue(line('K', 'K1'));
      const early: string[] = [];
      await overlap(place, {
        open: line('K', 'K2'),
        later: line('K', 'K3', 'K4'),
        end: 'commit',
        look: async () => {
          early.push(...(await dispatch(queue)));
          expect(early).toEqual(waits() ? ['K1'] : ['K1', 'K3', 'K4']);
        },
      });
      const all = [...early, ...(await dispatchAll(queue, 4 - early.length))];
      expect(all).toEqual(waits() ? ['K1', 'K2', 'K3', 'K4'] : ['K1', 'K3', 'K4', 'K2']);
    });

    test('Q8, Q10: a busy run does not overtake a message that is committed later', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const limit = 2;
      await queue.enqueue(['A', 'B', 'C', 'D'].map((payload) => message(payload)));
      const early: string[] = [];
      await overlap(place, {
        open: line('K', 'K1'),
        later: [...line('K', 'K2'), ...['E', 'F', 'G'].map((payload) => message(payload))],
        end: 'commit',
        look: async () => {
          early.push(...(await dispatch(queue, limit)));
          expect(early.slice(0, 4)).toEqual(['A', 'B', 'C', 'D']);
          expect(early.slice(4)).toEqual(waits() ? ['E', 'F', 'G'] : ['K2', 'E', 'F', 'G']);
        },
      });
      const all = [...early, ...(await dispatchAll(queue, 9 - early.length))];
      expect(all.filter((payload) => payload.startsWith('K'))).toEqual(waits() ? ['K1', 'K2'] : ['K2', 'K1']);
    });

    test('Q4, Q10: messages that wait for an open transaction take no room from others', async () => {
      const place = await scene.queue(name);
      const { queue } = place;
      const keys = ['K', 'L', 'M', 'N', 'O'];
      const early: string[] = [];
      await overlap(place, {
        open: keys.flatMap((key) => line(key, `${key}1`)),
        later: [...keys.flatMap((key) => line(key, `${key}2`)), message('A')],
        end: 'commit',
        look: async () => {
          early.push(...(await dispatch(queue, 2)));
          expect(early).toEqual(waits() ? ['A'] : [...keys.map((key) => `${key}2`), 'A']);
        },
      });
      const all = [...early, ...(await dispatchAll(queue, 11 - early.length))];
      for (const key of keys) {
        expect(all.filter((payload) => payload.startsWith(key))).toEqual(
          waits() ? [`${key}1`, `${key}2`] : [`${key}2`, `${key}1`],
        );
      }
    });

    test('Q10: producers whose transactions overlap at random: each key keeps the order of its enqueues', async () => {
      const { queue, address } = await scene.queue(name);
      /** The order of events in this process. */
      let clock = 0;
      const produced: Produced[] = [];
      let looks = 0;
      /** Keeps a transaction open while runs claim, or, if claims wait for it, while other producers try. */
      const letOthersAct = async (times: number) => {
        const enough = looks + times;
        if (scene.harness.promises.producersNeverBlockClaims)
          await until('runs have looked', async () => looks >= enough);
        else for (let turn = 0; turn < times; turn++) await nextTurn();
      };
      const produce = async (producer: number) => {
        for (let nth = 0; nth < 12; nth++) {
          const end = (producer + nth) % 5 === 0 ? 'rollback' : 'commit';
          const own: Produced[] = [];
          await scene.stage.withTransaction(
            address,
            async (transaction) => {
              for (let each = 0; each < 2; each++) {
                const letter = message(`${producer} ${nth} ${each}`, { orderingKey: `K${(nth + each) % 3}` });
                const called = clock++;
                await queue.enqueue([letter], transaction);
                own.push({ letter, called, returned: clock++, committed: Number.POSITIVE_INFINITY });
                await letOthersAct((producer * 7 + nth * 5 + each * 3) % 4);
              }
            },
            end,
          );
          if (end === 'commit') produced.push(...own.map((one) => ({ ...one, committed: clock++ })));
        }
      };
      const handled: string[] = [];
      const look = async () => {
        handled.push(...(await dispatch(queue, 7)));
        looks++;
      };
      await whileGoingOn(Promise.all([1, 2, 3, 4].map(produce)), look);
      await until('all are dispatched', async () => {
        await look();
        return handled.length >= produced.length;
      });
      expect([...handled].sort()).toEqual(payloads(produced.map(({ letter }) => letter)).sort());
      expect(overtaken(produced, handled, waits() ? 'returned' : 'committed')).toEqual([]);
      const sequences = new Map<string, number>();
      for (const { letter } of produced)
        sequences.set(letter.payload, (await stored(queue, letter)).sequence);
      // With a single writer the order of the sequences is the order of the commits.
      if (!scene.harness.promises.producersNeverBlockClaims) {
        for (const key of ['K0', 'K1', 'K2']) {
          const ofKey = produced.filter(({ letter }) => letter.orderingKey === key);
          const order = handled.filter((each) => ofKey.some(({ letter }) => letter.payload === each));
          const inOrder = order.map((each) => sequences.get(each)!);
          expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
        }
      }
    }, 60_000);
  });
}

interface Produced {
  readonly letter: ReturnType<typeof message>;
  readonly called: number;
  readonly returned: number;
  readonly committed: number;
}

/**
 * Pairs of one key in which the first was handed out after the second, although the enqueue of the first had returned,
 * or its transaction had been committed, before the second was enqueued.
 */
function overtaken(
  produced: readonly Produced[],
  handled: readonly string[],
  since: 'returned' | 'committed',
): string[] {
  const place = new Map(handled.map((payload, index) => [payload, index]));
  return produced.flatMap((first) =>
    produced
      .filter((second) => second.letter.orderingKey === first.letter.orderingKey)
      .filter((second) => first[since] < second.called)
      .filter((second) => place.get(second.letter.payload)! < place.get(first.letter.payload)!)
      .map((second) => `${second.letter.payload} before ${first.letter.payload}`),
  );
}
