import { defineHandler, defineInboxHandler } from '../../../src/queue/handler.ts';
import { HandlerSet } from '../../../src/queue/handler-set.ts';
import { Rooms } from '../../../src/queue/rooms.ts';
import { loadSettings } from '../../../src/settings.ts';

const { dispatch } = loadSettings({ dispatch: { concurrency: 16, batchSize: 100 } }, {});
const handle = () => {};
const free = defineHandler({ topic: 'free', handle });
const narrow = defineHandler({ topic: 'narrow', concurrency: 1, handle });
const wide = defineHandler({ topic: 'wide', concurrency: 8, handle });

function of(...handlers: ReturnType<typeof defineHandler>[]): Rooms {
  return new Rooms(new HandlerSet(handlers), dispatch);
}

const roomOf = (rooms: Rooms, topic: string) => rooms.forClaim()?.find((each) => each.topic === topic)?.room;

describe('the room of handlers with a limit (Q4, D2)', () => {
  test('Q4: without a limit no room is sent, and none for a limit that the run has anyway', () => {
    expect(of(free).forClaim()).toBeUndefined();
    expect(of(free, defineHandler({ topic: 'all', concurrency: 16, handle })).forClaim()).toBeUndefined();
    const rooms = of(free);
    rooms.claimed(free);
    rooms.ended(free);
    expect(rooms.isFreeAgain).toBe(false);
  });

  test('Q4: the limit, and as many again that wait', () => {
    const rooms = of(free, narrow, wide);
    expect(rooms.forClaim()).toEqual([
      { topic: 'narrow', room: 2 },
      { topic: 'wide', room: 16 },
    ]);
    rooms.claimed(narrow);
    for (let n = 0; n < 20; n++) rooms.claimed(wide);
    expect(rooms.forClaim()).toEqual([
      { topic: 'narrow', room: 1 },
      { topic: 'wide', room: 0 },
    ]);
  });

  test('Q4: a handler that ends many between two claims gets room for twice as many, up to half a batch', () => {
    const rooms = of(narrow);
    const seen: (number | undefined)[] = [];
    for (let round = 0; round < 7; round++) {
      const room = roomOf(rooms, 'narrow')!;
      seen.push(room);
      for (let n = 0; n < room; n++) rooms.claimed(narrow);
      for (let n = 0; n < room; n++) rooms.ended(narrow);
    }
    expect(seen).toEqual([2, 5, 11, 23, 47, 50, 50]);
    // It becomes slow: what it has is enough.
    roomOf(rooms, 'narrow');
    for (let n = 0; n < 50; n++) rooms.claimed(narrow);
    rooms.ended(narrow);
    expect(roomOf(rooms, 'narrow')).toBe(0);
  });

  test('Q4, Q10: a message that no longer waits behind another is in flight, but used no room of the claim', () => {
    const rooms = of(narrow);
    rooms.forClaim();
    rooms.claimed(narrow);
    rooms.ended(narrow);
    rooms.unblocked(narrow);
    // The claim took one of two: it has taken all that was due.
    expect(rooms.isFreeAgain).toBe(false);
    expect(roomOf(rooms, 'narrow')).toBe(2);
  });

  test('Q4: half a batch is the most that may wait, and the limit itself has room in any batch', () => {
    const small = new Rooms(new HandlerSet([narrow, wide]), { ...dispatch, batchSize: 4 });
    expect(small.forClaim()).toEqual([
      { topic: 'narrow', room: 2 },
      { topic: 'wide', room: 8 },
    ]);
  });

  test('Q9: another claim is worth it when half of what may wait has room', () => {
    const rooms = of(wide);
    expect(rooms.forClaim()).toEqual([{ topic: 'wide', room: 16 }]);
    for (let n = 0; n < 15; n++) rooms.claimed(wide);
    for (let n = 0; n < 10; n++) rooms.ended(wide);
    // The claim left room: it has taken all that was due.
    expect(rooms.isFreeAgain).toBe(false);
    rooms.forClaim();
    for (let n = 0; n < 30; n++) rooms.claimed(wide);
    for (let n = 0; n < 22; n++) rooms.ended(wide);
    expect(rooms.isFreeAgain).toBe(true);
    const slow = of(wide);
    slow.forClaim();
    for (let n = 0; n < 16; n++) slow.claimed(wide);
    for (let n = 0; n < 3; n++) slow.ended(wide);
    expect(slow.isFreeAgain).toBe(false);
    slow.ended(wide);
    expect(slow.isFreeAgain).toBe(true);
  });

  test('Q9: of an odd number that may wait, more than half must have room', () => {
    const three = defineHandler({ topic: 'three', concurrency: 3, handle });
    const rooms = of(three);
    rooms.forClaim();
    for (let n = 0; n < 6; n++) rooms.claimed(three);
    rooms.ended(three);
    expect(rooms.isFreeAgain).toBe(false);
    rooms.ended(three);
    expect(rooms.isFreeAgain).toBe(true);
  });

  test('Q9: in a batch that is too small for more than the limit, room for one is enough', () => {
    const rooms = new Rooms(new HandlerSet([wide]), { ...dispatch, batchSize: 4 });
    rooms.forClaim();
    for (let n = 0; n < 8; n++) rooms.claimed(wide);
    expect(rooms.isFreeAgain).toBe(false);
    rooms.ended(wide);
    expect(rooms.isFreeAgain).toBe(true);
  });

  test('Q4: one of several handlers is enough, and room is never less than none', () => {
    const rooms = of(narrow, wide);
    rooms.forClaim();
    for (let n = 0; n < 3; n++) rooms.claimed(narrow);
    expect(rooms.forClaim()).toEqual([
      { topic: 'narrow', room: 0 },
      { topic: 'wide', room: 16 },
    ]);
    expect(rooms.isFreeAgain).toBe(false);
    for (let n = 0; n < 3; n++) rooms.ended(narrow);
    expect(rooms.isFreeAgain).toBe(true);
  });

  test('I4: the handlers of all sources of a limited topic have a room of their own', () => {
    const any = defineInboxHandler({ topic: 'Paid', handle });
    const shop = defineInboxHandler({ topic: 'paid', source: 'shop', concurrency: 2, handle });
    const rooms = of(any, shop, free);
    expect(rooms.forClaim()).toEqual([
      { topic: 'Paid', room: 200 },
      { topic: 'paid', source: 'shop', room: 4 },
    ]);
    rooms.claimed(any);
    expect(rooms.isFreeAgain).toBe(false);
  });
});

test('Q7: the fewest attempts of all handlers', () => {
  const once = defineHandler({ topic: 'once', retry: { maxAttempts: 1 }, handle });
  expect(new HandlerSet([free, narrow]).fewestAttempts(12)).toBe(12);
  expect(new HandlerSet([free, once]).fewestAttempts(12)).toBe(1);
});
