/** Q5, Q8, Q14: the effect of each outcome on its message, and the claim in the same call. */
import { MessageStatus, messageLimits } from '../../src/engine/message.ts';
import { queueNames } from '../../src/engine/work-queue.ts';
import {
  anHour,
  begin,
  dead,
  done,
  giveBack,
  keep,
  message,
  next,
  park,
  payloads,
  release,
  retry,
  settle,
  stored,
  take,
} from './run.ts';
import type { Scene } from './scene.ts';
import { nothing } from './stored-counts.ts';

export function settleSuite(scene: Scene): void {
  describe.each(queueNames)('settle: %s', (name) => {
    test('Q8: Done is final', async () => {
      const { queue } = await scene.queue(name);
      const letter = message('A');
      await queue.enqueue([letter]);
      const run = await take(queue);
      expect(await settle(queue, run.lease, run.messages.map(done))).toEqual({
        lease: 'released',
        expiresInMs: 0,
        unmatched: [],
        messages: [],
        more: false,
        throttled: false,
        onlySolo: false,
        nextDueInMs: null,
        purged: 0,
        nowUtc: expect.any(Date),
        stored: nothing,
      });
      const record = await stored(queue, letter);
      expect(record).toMatchObject({ status: MessageStatus.Done, attempts: 1, lastError: null });
      expect(record.settledUtc!.getTime()).toBeGreaterThanOrEqual(record.enqueuedUtc.getTime());
      expect(await begin(queue)).toMatchObject({ status: 'idle', nextDueInMs: null });
    });

    test('Q5, Q8: Retry waits for its delay, keeps its error and its attempt', async () => {
      const { queue } = await scene.queue(name);
      const letter = message('A');
      await queue.enqueue([letter]);
      const run = await take(queue);
      const settled = await settle(
        queue,
        run.lease,
        run.messages.map((each) => retry(each, anHour, 'the first')),
      );
      expect(settled.nextDueInMs).toBeGreaterThan(0);
      expect(settled.nextDueInMs).toBeLessThanOrEqual(anHour);
      const record = await stored(queue, letter);
      expect(record).toMatchObject({
        status: MessageStatus.Ready,
        attempts: 1,
        lastError: 'the first',
        firstError: 'the first',
        settledUtc: null,
      });
      expect(record.dueUtc.getTime() - record.enqueuedUtc.getTime()).toBeGreaterThanOrEqual(anHour);
      expect(await begin(queue)).toMatchObject({ status: 'idle' });
    });

    test('Q5: every start counts, and the first error stays', async () => {
      const { queue } = await scene.queue(name);
      const letter = message('A');
      await queue.enqueue([letter]);
      for (const attempt of [1, 2, 3]) {
        const run = await take(queue);
        expect(run.messages).toMatchObject([{ attempt }]);
        await settle(queue, run.lease, [retry(run.messages[0]!, 0, `error ${attempt}`)]);
      }
      expect(await stored(queue, letter)).toMatchObject({
        attempts: 3,
        lastError: 'error 3',
        firstError: 'error 1',
      });
    });

    test('Q5: a released message gets its attempt back and waits for its delay', async () => {
      const { queue } = await scene.queue(name);
      const [now, later] = [message('now'), message('later')];
      await queue.enqueue([now, later]);
      const run = await take(queue);
      await settle(queue, run.lease, [giveBack(run.messages[0]!), giveBack(run.messages[1]!, anHour)]);
      expect(await stored(queue, now)).toMatchObject({ status: MessageStatus.Ready, attempts: 0 });
      const again = await take(queue);
      expect(again.messages).toMatchObject([{ payload: 'now', attempt: 1, parks: 0, recovered: false }]);
      expect(again.nextDueInMs).toBeGreaterThan(0);
      expect(again.nextDueInMs).toBeLessThanOrEqual(anHour);
    });

    test('Q5: of a failed and then released message only the failed attempt counts', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A')]);
      const run = await take(queue);
      const second = await settle(
        queue,
        run.lease,
        run.messages.map((each) => retry(each)),
        next(),
      );
      expect(second.messages).toMatchObject([{ attempt: 2 }]);
      const outcome = { ...giveBack(second.messages[0]!), error: 'asked for later' };
      const third = await settle(queue, run.lease, [outcome], next());
      expect(third.messages).toMatchObject([{ attempt: 2 }]);
      expect(await stored(queue, third.messages[0]!)).toMatchObject({ lastError: 'asked for later' });
    });

    test('Q1: Dead keeps its error and is not claimed again', async () => {
      const { queue } = await scene.queue(name);
      const letter = message('A');
      await queue.enqueue([letter]);
      const run = await take(queue);
      await settle(queue, run.lease, [dead(run.messages[0]!, 'the payload is wrong')]);
      const record = await stored(queue, letter);
      expect(record).toMatchObject({
        status: MessageStatus.Dead,
        attempts: 1,
        lastError: 'the payload is wrong',
        firstError: 'the payload is wrong',
        replayCount: 0,
      });
      expect(record.settledUtc).toBeInstanceOf(Date);
      expect(await begin(queue)).toMatchObject({ status: 'idle', nextDueInMs: null });
    });

    test('Q7: Dead without a start gets the attempt of its claim back', async () => {
      const { queue } = await scene.queue(name);
      const letter = message('A');
      await queue.enqueue([letter]);
      const run = await take(queue);
      await settle(queue, run.lease, [{ ...dead(run.messages[0]!, 'attempts used up'), unstarted: true }]);
      expect(await stored(queue, letter)).toMatchObject({ status: MessageStatus.Dead, attempts: 0 });
    });

    test('D4: parks are counted in a row, cost no attempt, and end with any other outcome', async () => {
      const { queue } = await scene.queue(name);
      const letter = message('A');
      await queue.enqueue([letter]);
      const run = await take(queue);
      let [claimed] = run.messages;
      for (const parks of [1, 2, 3]) {
        const settled = await settle(queue, run.lease, [park(claimed!)], next());
        [claimed] = settled.messages;
        expect(claimed).toMatchObject({ parks, attempt: 1 });
      }
      await settle(queue, run.lease, [park(claimed!, anHour)], keep);
      expect(await queue.statistics()).toMatchObject({ ready: 1, due: 0, parked: 1 });
      expect(await stored(queue, letter)).toMatchObject({ parks: 4, attempts: 0 });
    });

    test.each([
      ['done', done],
      ['retry', retry],
      ['dead', dead],
      ['release', giveBack],
    ] as const)('D4: %s ends a row of parks', async (_, end) => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A')]);
      const run = await take(queue);
      const parked = await settle(
        queue,
        run.lease,
        run.messages.map((each) => park(each)),
        next(),
      );
      expect(parked.messages).toMatchObject([{ parks: 1 }]);
      await settle(
        queue,
        run.lease,
        parked.messages.map((each) => end(each)),
        keep,
      );
      expect(await queue.statistics()).toMatchObject({ parked: 0 });
      expect(await stored(queue, parked.messages[0]!)).toMatchObject({ parks: 0 });
    });

    test('Q14: errors are cut to 4,000 characters, never through one', async () => {
      const { queue } = await scene.queue(name);
      const limit = messageLimits.errorCharacters;
      const errors = {
        fits: 'x'.repeat(limit),
        plain: `${'x'.repeat(limit)}yz`,
        endless: 'long '.repeat(100_000),
        emoji: `${'x'.repeat(limit - 1)}😀${'y'.repeat(10)}`,
        unicode: `zeile\r\n"é" \0 ${'ü'.repeat(2 * limit)}`,
      };
      const letters = Object.keys(errors).flatMap((key) => [message(key), message(key)]);
      await queue.enqueue(letters);
      const run = await take(queue);
      await settle(
        queue,
        run.lease,
        run.messages.map((each, index) => {
          const error = errors[each.payload as keyof typeof errors];
          return index % 2 ? retry(each, anHour, error) : dead(each, error);
        }),
      );
      for (const letter of letters) {
        const error = errors[letter.payload as keyof typeof errors];
        const { lastError, firstError } = await stored(queue, letter);
        expect(firstError).toBe(lastError);
        expect(error.startsWith(lastError!)).toBe(true);
        // One more or less is allowed: the engine decides whether a character beyond the basic plane counts as one or
        // two.
        expect(lastError!.length).toBeGreaterThanOrEqual(Math.min(error.length, limit) - 1);
        expect(lastError!.length).toBeLessThanOrEqual(limit + 1);
      }
    });

    test('Q8: an outcome that does not exist fails the call, which settles nothing', async () => {
      const { queue } = await scene.queue(name);
      const letters = [message('A'), message('B')];
      await queue.enqueue(letters);
      const run = await take(queue);
      const [a, b] = run.messages;
      const unknown = { sequence: b!.sequence, kind: 'explode' } as never;
      await expect(settle(queue, run.lease, [done(a!), unknown])).rejects.toThrow();
      expect(await queue.statistics()).toMatchObject({ claimed: 2, done: 0 });
    });

    test('Q8: one call takes a mixed batch and claims the next', async () => {
      const { queue } = await scene.queue(name);
      const letters = ['done', 'retry', 'dead', 'release', 'park'].map((payload) => message(payload));
      await queue.enqueue([...letters, message('next 1'), message('next 2'), message('next 3')]);
      const run = await take(queue, { limit: 5 });
      const [a, b, c, d, e] = run.messages;
      const outcomes = [done(a!), retry(b!, anHour), dead(c!), giveBack(d!, anHour), park(e!, anHour)];
      const settled = await settle(queue, run.lease, outcomes, next({ limit: 2 }));
      expect(settled).toMatchObject({ lease: 'renewed', unmatched: [], more: true, nextDueInMs: 0 });
      expect(settled.expiresInMs).toBeGreaterThan(0);
      expect(settled.expiresInMs).toBeLessThanOrEqual(600_000);
      expect(payloads(settled.messages)).toEqual(['next 1', 'next 2']);
      const { Ready, Done, Dead } = MessageStatus;
      const states = [];
      for (const letter of letters) states.push((await stored(queue, letter)).status);
      expect(states).toEqual([Done, Ready, Dead, Ready, Ready]);
    });

    test('Q8: the same call can claim a message that it has made due again', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B')]);
      const run = await take(queue);
      const settled = await settle(
        queue,
        run.lease,
        [retry(run.messages[0]!), giveBack(run.messages[1]!)],
        next(),
      );
      expect(settled.messages.map(({ payload, attempt }) => [payload, attempt]).sort()).toEqual([
        ['A', 2],
        ['B', 1],
      ]);
    });

    test('Q8: keep renews and claims nothing', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B')]);
      const run = await take(queue, { limit: 1, durationMs: 1_000 });
      const settled = await settle(queue, run.lease, run.messages.map(done), keep, { leaseMs: anHour });
      expect(settled).toMatchObject({
        lease: 'renewed',
        messages: [],
        unmatched: [],
        nextDueInMs: 0,
        more: true,
        throttled: false,
        onlySolo: false,
        purged: 0,
        nowUtc: expect.any(Date),
      });
      expect(settled.expiresInMs).toBeGreaterThan(1_000);
      expect(settled.expiresInMs).toBeLessThanOrEqual(anHour);
      expect(await begin(queue, { owner: 'host-2' })).toMatchObject({
        status: 'leased-elsewhere',
        owner: 'host-1',
      });
    });

    test('Q8: release gives the lease back, even with messages left', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B')]);
      const run = await take(queue, { limit: 1 });
      const settled = await settle(queue, run.lease, run.messages.map(done), release);
      expect(settled).toMatchObject({ lease: 'released', expiresInMs: 0, messages: [], more: true });
      expect(settled).toMatchObject({ nextDueInMs: 0, throttled: false, onlySolo: false, purged: 0 });
      expect(payloads((await take(queue, { owner: 'host-2' })).messages)).toEqual(['B']);
    });

    test('Q8: a claim that finds nothing releases the lease if the run has nothing in flight', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('later', { dueInMs: anHour })]);
      const run = await take(queue);
      const settled = await settle(queue, run.lease, run.messages.map(done), next({ solo: true }));
      expect(settled).toMatchObject({ lease: 'released', expiresInMs: 0, messages: [], more: false });
      expect(settled.nextDueInMs).toBeGreaterThan(0);
      expect(await begin(queue, { owner: 'host-2' })).toMatchObject({ status: 'idle' });
    });

    test('Q8: a claim that finds nothing keeps the lease while the run has messages in flight', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue([message('A'), message('B')]);
      const run = await take(queue);
      const [a, b] = run.messages;
      const settled = await settle(queue, run.lease, [done(a!)], next({ solo: false }));
      expect(settled).toMatchObject({ lease: 'renewed', messages: [], more: false, nextDueInMs: null });
      expect(await begin(queue, { owner: 'host-2' })).toMatchObject({ status: 'leased-elsewhere' });
      expect(await settle(queue, run.lease, [done(b!)])).toMatchObject({ lease: 'released', unmatched: [] });
    });

    test('Q8: thousands of outcomes are one call', async () => {
      const { queue } = await scene.queue(name);
      await queue.enqueue(Array.from({ length: 2_000 }, (_, index) => message(`${index}`)));
      const run = await take(queue, { limit: 1_000 });
      const settled = await settle(queue, run.lease, run.messages.map(done), next({ limit: 1_000 }));
      expect(settled.messages).toHaveLength(1_000);
      expect(await settle(queue, run.lease, settled.messages.map(done))).toMatchObject({ unmatched: [] });
      expect(await queue.statistics()).toMatchObject({ done: 2_000, ready: 0, claimed: 0 });
    });
  });
}
