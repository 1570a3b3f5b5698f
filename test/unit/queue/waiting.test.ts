import type { ClaimedMessage } from '../../../src/engine/message.ts';
import { defineHandler, type Handler } from '../../../src/queue/handler.ts';
import { type Assignment, WaitingMessages } from '../../../src/queue/waiting.ts';
import { claimed } from '../../support/claimed.ts';

const free = defineHandler({ topic: 'free', handle() {} });
const narrow = defineHandler({ topic: 'narrow', handle() {}, concurrency: 1 });

function assigned(fields: Partial<ClaimedMessage> = {}, handler: Handler = free): Assignment {
  return { message: claimed(fields), handler };
}

const payload = (assignment: Assignment | undefined) => assignment?.message.payload;

/** Starts all messages that may start, and returns their payloads. */
function startAll(waiting: WaitingMessages): Assignment[] {
  const started: Assignment[] = [];
  for (let next = waiting.next(); next !== undefined; next = waiting.next()) started.push(next);
  return started;
}

describe('lanes (D2)', () => {
  test('messages start in the order they came', () => {
    const waiting = new WaitingMessages();
    for (const each of ['1', '2', '3']) waiting.add(assigned({ payload: each }));
    expect(waiting.size).toBe(3);
    expect(startAll(waiting).map(payload)).toEqual(['1', '2', '3']);
    expect(waiting.size).toBe(0);
  });

  test('D2: a handler with its own concurrency delays only its own messages', () => {
    const waiting = new WaitingMessages();
    waiting.add(assigned({ payload: 'n1' }, narrow));
    waiting.add(assigned({ payload: 'n2' }, narrow));
    waiting.add(assigned({ payload: 'f1' }));
    const started = startAll(waiting);
    expect(started.map(payload)).toEqual(['n1', 'f1']);
    expect(waiting.size).toBe(1);
    waiting.ended(started[0]!, true);
    expect(startAll(waiting).map(payload)).toEqual(['n2']);
  });

  test('D2: those over the limit of their handler, and those behind another of their key, cannot start', () => {
    const waiting = new WaitingMessages();
    for (const each of ['n1', 'n2', 'n3']) waiting.add(assigned({ payload: each }, narrow));
    for (const each of ['k1', 'k2']) waiting.add(assigned({ payload: each, orderingKey: 'k' }));
    waiting.add(assigned({ payload: 'f' }));
    expect([waiting.size, waiting.startable]).toEqual([6, 3]);
    const started = startAll(waiting);
    expect([started.length, waiting.size, waiting.startable]).toEqual([3, 3, 0]);
    waiting.ended(started.find((each) => payload(each) === 'n1')!, true);
    expect(waiting.startable).toBe(1);
    waiting.drain();
    expect(waiting.startable).toBe(0);
  });

  test('verdicts wait in a lane of their own', () => {
    const waiting = new WaitingMessages();
    waiting.add(assigned({ payload: 'n1' }, narrow));
    waiting.add({ message: claimed({ payload: 'v' }), handler: null, verdict: { kind: 'done' } });
    waiting.add(assigned({ payload: 'n2' }, narrow));
    expect(startAll(waiting).map(payload)).toEqual(['n1', 'v']);
  });

  test('D6: started messages leave memory, even if a lane never empties', async () => {
    const waiting = new WaitingMessages();
    const references: WeakRef<Assignment>[] = [];
    for (let n = 0; n < 5_000; n++) {
      const assignment = assigned();
      references.push(new WeakRef(assignment));
      waiting.add(assignment);
      if (n >= 100) waiting.ended(waiting.next()!, true);
    }
    await new Promise((resolve) => setImmediate(resolve));
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    const alive = references.filter((reference) => reference.deref() !== undefined);
    expect(waiting.size).toBe(100);
    expect(alive.length).toBeLessThanOrEqual(300);
  });
});

describe('ordering groups (Q10)', () => {
  const keyed = (each: string, orderingKey = 'k') => assigned({ payload: each, orderingKey });

  test('Q10: one message of a key is in flight at a time; other keys go ahead', () => {
    const waiting = new WaitingMessages();
    for (const each of ['k1', 'k2', 'k3']) waiting.add(keyed(each));
    waiting.add(keyed('j1', 'j'));
    waiting.add(assigned({ payload: 'free' }));
    const [k1, ...others] = startAll(waiting);
    expect(payload(k1)).toBe('k1');
    expect(others.map(payload)).toEqual(['j1', 'free']);
    expect(waiting.ended(k1!, true)).toEqual([]);
    const [k2] = startAll(waiting);
    expect(payload(k2)).toBe('k2');
    waiting.ended(k2!, true);
    expect(startAll(waiting).map(payload)).toEqual(['k3']);
  });

  test('Q10: who adds a message is told whether it may start, and later that it is unblocked', () => {
    const unblocked: string[] = [];
    const waiting = new WaitingMessages(({ payload }) => unblocked.push(payload));
    expect([keyed('k1'), keyed('k2'), keyed('j1', 'j'), assigned()].map((each) => waiting.add(each))).toEqual(
      [true, false, true, true],
    );
    const [k1] = startAll(waiting);
    expect(unblocked).toEqual([]);
    waiting.ended(k1!, true);
    expect(unblocked).toEqual(['k2']);
    waiting.ended(startAll(waiting)[0]!, true);
    expect(unblocked).toEqual(['k2']);
    expect(waiting.add(keyed('k3'))).toBe(true);
  });

  test('Q8: the waiting messages are all those that have not started', () => {
    const waiting = new WaitingMessages();
    for (const each of ['k1', 'k2', 'k3']) waiting.add(keyed(each));
    for (const each of ['1', '2', '3', '4']) waiting.add(assigned({ payload: each }));
    for (const each of ['k1', '1']) expect(payload(waiting.next())).toBe(each);
    expect(waiting.messages().map((message) => message.payload)).toEqual(['2', '3', '4', 'k2', 'k3']);
    expect(waiting.size).toBe(5);
  });

  test('Q10: when the head is not done, the messages behind it are released in order', () => {
    const waiting = new WaitingMessages();
    for (const each of ['k1', 'k2', 'k3']) waiting.add(keyed(each));
    const [k1] = startAll(waiting);
    expect(waiting.ended(k1!, false).map((message) => message.payload)).toEqual(['k2', 'k3']);
    expect(waiting.size).toBe(0);
    waiting.add(keyed('k1 again'));
    expect(startAll(waiting).map(payload)).toEqual(['k1 again']);
  });

  test('Q10: messages of a later batch wait behind the one in flight', () => {
    const waiting = new WaitingMessages();
    waiting.add(keyed('k1'));
    const [k1] = startAll(waiting);
    waiting.add(keyed('k2'));
    expect(startAll(waiting)).toEqual([]);
    waiting.ended(k1!, true);
    expect(startAll(waiting).map(payload)).toEqual(['k2']);
  });

  test('Q10: keys hold across handlers', () => {
    const waiting = new WaitingMessages();
    waiting.add(keyed('k1'));
    waiting.add(assigned({ payload: 'k2', orderingKey: 'k' }, narrow));
    const [k1, ...rest] = startAll(waiting);
    expect(rest).toEqual([]);
    waiting.ended(k1!, true);
    expect(startAll(waiting).map(payload)).toEqual(['k2']);
  });

  test('D5: drain returns all waiting messages, also those behind a running one', () => {
    const waiting = new WaitingMessages();
    for (const each of ['k1', 'k2', 'k3']) waiting.add(keyed(each));
    const [k1] = startAll(waiting);
    waiting.add(assigned({ payload: 'free' }));
    expect(
      waiting
        .drain()
        .map((message) => message.payload)
        .sort(),
    ).toEqual(['free', 'k2', 'k3']);
    expect(waiting.size).toBe(0);
    expect(waiting.ended(k1!, true)).toEqual([]);
    expect(waiting.next()).toBeUndefined();
  });

  test('D5: drain leaves out what has started, and what comes later starts', () => {
    const waiting = new WaitingMessages();
    for (const each of ['1', '2', '3', '4', '5']) waiting.add(assigned({ payload: each }));
    expect(payload(waiting.next())).toBe('1');
    expect(waiting.drain().map((message) => message.payload)).toEqual(['2', '3', '4', '5']);
    waiting.add(assigned({ payload: '6' }));
    expect(startAll(waiting).map(payload)).toEqual(['6']);
  });

  test('Q10: a group whose messages have all ended holds none back', () => {
    const waiting = new WaitingMessages();
    for (const each of ['k1', 'k2']) {
      waiting.add(keyed(each));
      const [started] = startAll(waiting);
      expect(payload(started)).toBe(each);
      waiting.ended(started!, true);
    }
  });
});
