/** S3: what callers give to select messages is checked before any database is asked. */
import {
  checkId,
  checkOperationId,
  cursorOf,
  durationOf,
  type MessageSelection,
  messageFilter,
  placeOf,
  positionOf,
  queueOf,
  tenantIdsOf,
  wholeNumberOf,
  withoutPayloadText,
} from '../../../../src/fleet/messages/selection.ts';
import { refusal } from '../../../support/refusal.ts';

const call = 'messages.list';
/** The problem of a refusal, without the call's name. */
const problem = (action: () => unknown) => {
  const { code, message } = refusal(action);
  expect(code).toBe('INVALID_ARGUMENT');
  expect(message).toMatch(/^messages\.list: .*\.$/);
  return message.slice(call.length + 2, -1);
};
const filter = (given: unknown) => messageFilter(call, given as MessageSelection);

describe('the filter of a search (S3)', () => {
  test('S3: without conditions it has none, and a condition that is undefined is none', () => {
    expect(filter({})).toEqual({});
    const given = {
      states: undefined,
      messageIds: undefined,
      topic: undefined,
      enqueuedFrom: undefined,
      enqueuedBefore: undefined,
      olderThanMs: undefined,
    };
    expect(Object.keys(filter(given))).toEqual([]);
  });

  test('S3: times are dates, durations milliseconds, ids in lower case, and each state is named once', () => {
    const utc = '2027-01-31T12:00:00.000Z';
    expect(
      filter({
        states: ['dead', 'done', 'dead'],
        messageIds: ['A0B', 'c'],
        topic: 'orders',
        enqueuedFrom: utc,
        enqueuedBefore: new Date(utc),
        olderThanMs: '1h',
      }),
    ).toEqual({
      states: ['dead', 'done'],
      messageIds: ['a0b', 'c'],
      topic: 'orders',
      enqueuedFrom: new Date(utc),
      enqueuedBefore: new Date(utc),
      olderThanMs: 3_600_000,
    });
    expect(filter({ states: ['ready', 'claimed', 'done', 'dead', 'cancelled'] }).states).toHaveLength(5);
  });

  test('S3: a condition that is not known would select every message, so it is refused', () => {
    expect(refusal(() => filter({ topics: 'orders' })).message).toContain("'topics'");
  });

  const texts = ['topic', 'orderingKey', 'dedupKey', 'correlationId', 'source', 'errorText', 'payloadText'];
  describe.each(texts)('%s', (name) => {
    const wrong = `'${name}' must be text of at most 4000 characters, without control characters`;
    const given = (value: unknown) => () => filter({ [name]: value });

    test('S3: is text up to a length, which may have tabs and line ends', () => {
      for (const value of ['x', 'x'.repeat(4_000), 'a\tb\r\nc', 'ä€😀', ' '])
        expect(filter({ [name]: value })).toEqual({ [name]: value });
    });

    test('S3: anything else is refused', () => {
      for (const value of [7, null, ['x'], 'x'.repeat(4_001), 'a\0b', 'a\u0008', '\u000e', '\u001f'])
        expect(problem(given(value))).toBe(wrong);
    });
  });

  test('S3: an empty part of a text would select every message; an empty key is a key', () => {
    for (const name of ['errorText', 'payloadText'])
      expect(problem(() => filter({ [name]: '' }))).toBe(
        `'${name}' is empty, and so would select every message; leave it out`,
      );
    for (const name of ['topic', 'orderingKey', 'dedupKey', 'correlationId', 'source'])
      expect(filter({ [name]: '' })).toEqual({ [name]: '' });
  });

  test.each([[[]], ['dead'], [null], [7], [['dead', 'lost']], [['lost', 'dead']], [[undefined]]])(
    'S3: the states %j are refused',
    (states) => {
      expect(problem(() => filter({ states }))).toBe(
        "'states' must be a list of ready, claimed, done, dead, cancelled",
      );
    },
  );

  test('S3: one state is a list of states', () => {
    expect(filter({ states: ['dead'] })).toEqual({ states: ['dead'] });
  });

  test('S3: a filter has at most 1,000 ids', () => {
    const ids = (count: number) => Array.from({ length: count }, (_, n) => `m${n}`);
    expect(filter({ messageIds: ids(1_000) }).messageIds).toHaveLength(1_000);
    for (const messageIds of [ids(1_001), 'm1', null, 7])
      expect(problem(() => filter({ messageIds }))).toBe("'messageIds' must be a list of at most 1000 ids");
    expect(problem(() => filter({ messageIds: ['m1', ''] }))).toMatch(/^a message's id must be text/);
  });

  test.each(['enqueuedFrom', 'enqueuedBefore'])('S3: %s must be a time', (name) => {
    for (const value of ['yesterday', new Date(Number.NaN), 7, null, {}])
      expect(problem(() => filter({ [name]: value }))).toMatch(
        new RegExp(`^'${name}' must be a time such as 2027-01-31T12:00:00Z, got `),
      );
  });

  test('S3: an age must be a duration', () => {
    expect(filter({ olderThanMs: 0 })).toEqual({ olderThanMs: 0 });
    for (const value of ['old', -1, null])
      expect(problem(() => filter({ olderThanMs: value }))).toMatch(
        /^olderThanMs must be milliseconds or text such as '1h', got /,
      );
  });
});

describe('ids, places and numbers (S3)', () => {
  test('S3: a message’s id is text of 1 to 200 characters', () => {
    for (const id of ['x', 'x'.repeat(200)]) checkId(call, id);
    for (const id of ['', 'x'.repeat(201), 7, null, undefined, ['x']])
      expect(problem(() => checkId(call, id))).toMatch(
        /^a message's id must be text of 1 to 200 characters, got /,
      );
  });

  test('S3: an operation’s id is a UUID', () => {
    const id = '0b0ab2c4-6a2b-4e1e-9f5e-0c9f6b1f1a11';
    for (const good of [id, id.toUpperCase()]) checkOperationId(call, good);
    for (const wrong of ['', `${id}0`, `x${id}`, 'none', 7, null, [id]])
      expect(problem(() => checkOperationId(call, wrong))).toMatch(/^an operation's id must be a UUID, got /);
  });

  test('S3: a place is a tenant’s outbox, or the queue that is named', () => {
    expect(placeOf(call, { tenantId: 'acme' })).toEqual({ tenantId: 'acme', queue: 'outbox' });
    expect(placeOf(call, { tenantId: 'acme', queue: 'inbox' })).toEqual({ tenantId: 'acme', queue: 'inbox' });
    expect(problem(() => placeOf(call, { tenantId: 7 as never }))).toBe("a tenant's id must be text, got 7");
    for (const queue of ['outbx', 7, null])
      expect(problem(() => queueOf(call, queue as never))).toMatch(
        /^'queue' must be one of outbox, inbox, got /,
      );
  });

  test('S3: tenants are a list of ids', () => {
    expect(tenantIdsOf(call, ['acme', 'birch'])).toEqual(['acme', 'birch']);
    expect(tenantIdsOf(call, [])).toEqual([]);
    for (const wrong of ['acme', null, 7, [7], ['acme', 7], [undefined]])
      expect(problem(() => tenantIdsOf(call, wrong as never))).toBe("'tenants' must be a list of ids");
  });

  test('S3: a number is whole, and within its bounds', () => {
    const number = (given: unknown) => wholeNumberOf(call, 'limit', given as number, 1, 5);
    expect([number(1), number(5)]).toEqual([1, 5]);
    for (const wrong of [0, 6, 2.5, Number.NaN, '2', null, undefined])
      expect(problem(() => number(wrong))).toMatch(/^'limit' must be a whole number from 1 to 5, got /);
  });

  test('S3: a duration is milliseconds or text', () => {
    expect([durationOf(call, 'age', 0), durationOf(call, 'age', '5m')]).toEqual([0, 300_000]);
    expect(problem(() => durationOf(call, 'age', 'long'))).toBe(
      `age must be milliseconds or text such as '1h', got "long"`,
    );
  });
});

describe('cursors (S3)', () => {
  const bySequence = { sequence: 42, settledMs: null };
  const byTime = { sequence: 42, settledMs: 1_700_000_000_000 };

  test('S3: a cursor is text that leads back to its place', () => {
    expect(cursorOf({}, bySequence)).toBe('all.42.');
    expect(cursorOf({ states: ['dead'] }, byTime)).toBe('dead.42.1700000000000');
    expect(positionOf(call, {}, 'all.42.')).toEqual(bySequence);
    expect(positionOf(call, { states: ['dead'] }, 'dead.42.1700000000000')).toEqual(byTime);
    const before1970 = { sequence: 1, settledMs: -5 };
    expect(positionOf(call, { states: ['done'] }, cursorOf({ states: ['done'] }, before1970))).toEqual(
      before1970,
    );
    expect(positionOf(call, { dedupKey: 'k' }, cursorOf({ dedupKey: 'k' }, bySequence))).toEqual(bySequence);
  });

  test('S3: the cursor of another filter is refused, because it has another order', () => {
    expect(problem(() => positionOf(call, { states: ['dead'] }, 'all.42.'))).toBe(
      "'cursor' belongs to another filter; give the filter with which the page was read",
    );
  });

  test.each([
    '',
    'x',
    'all',
    'all.42',
    'every.42.',
    'all.x.',
    'all.42.x',
    'all.42..',
    ' all.42.',
    7,
    null,
    ['all.42.'],
  ])('S3: %j is not a cursor', (cursor) => {
    expect(problem(() => positionOf(call, {}, cursor as never))).toMatch(
      /^'cursor' is not the cursor of a page, got /,
    );
  });
});

test('S3: the record of acts says that payloads were searched, and not for what', () => {
  expect(withoutPayloadText({ topic: 'orders', payloadText: 'ada' })).toEqual({
    topic: 'orders',
    payloadText: true,
  });
  expect(withoutPayloadText({ topic: 'orders' })).toEqual({ topic: 'orders' });
});
