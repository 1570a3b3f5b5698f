/** S3: what operators do to messages, where the conformance suite cannot see the rows or make them odd. */
import { type Found, type Position, walkOf } from '../../../src/engine/message-search.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, message, settle, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();
const examine = 1_000;

let now = 0;
beforeEach(() => {
  now = 1_700_000_000_000;
});

const aQueue = () => place.outbox('acme', place.engine({ clock: () => now }));

function rows(columns: string): Promise<unknown[]> {
  return withProgram(tenantFileOf(place), (db) =>
    db.prepare(`SELECT ${columns} FROM Outbox ORDER BY Sequence`).all(),
  );
}

const replacement = { payload: 'new', headers: {}, delayMs: 0, reason: 'wrong' };
const newId = '01890a5d-ac96-774b-bcce-b302099a8057';

test('S3: a message is found by its id, also when another one has the sequence that comes with it', async () => {
  const queue = await aQueue();
  const letters = ['1', '2'].map((payload) => message(payload));
  await queue.enqueue(letters);
  const [first, second] = letters;
  const target = { messageId: second!.messageId, sequence: 1 };
  expect(await queue.act({ do: 'cancel', reason: 'r' }, [target])).toEqual([second!.messageId]);
  expect(await queue.get(first!.messageId)).toMatchObject({ endReason: null });
});

test('S3, Q15: an id that cannot be read finds its message by the sequence, and nothing without one', async () => {
  const queue = await aQueue();
  await queue.enqueue([message('1')]);
  await withProgram(tenantFileOf(place), (db) =>
    db.exec(`UPDATE Outbox SET MessageId = CAST(x'61ff' AS TEXT)`),
  );
  const cancel = { do: 'cancel', reason: 'r' } as const;
  expect(await queue.act(cancel, [{ messageId: '' }])).toEqual([]);
  expect(await queue.act(cancel, [{ messageId: '', sequence: 1 }])).toHaveLength(1);
});

test('S3: a new message without headers has none in its row', async () => {
  const queue = await aQueue();
  const old = message('old', { headers: { h: '1' } });
  await queue.enqueue([old]);
  await queue.replace({ ...replacement, target: old, messageId: newId });
  expect(await rows('Payload, Headers')).toEqual([
    { Payload: 'new', Headers: null },
    { Payload: 'old', Headers: '{"h":"1"}' },
  ]);
});

test('S3, Q10: a Dead message that no longer blocks its group is replaced in front of the group', async () => {
  const queue = await aQueue();
  const [first, second] = ['1', '2'].map((payload) => message(payload, { orderingKey: 'k' }));
  await queue.enqueue([first!, second!]);
  const run = await begin(queue, 1);
  const died = { ...run.messages[0]!, kind: 'dead', error: 'no' } as const;
  await settle(queue, run, [died], { do: 'release-lease' }, { onDead: 'continue' });
  expect(await queue.statistics()).toMatchObject({ ready: 1, blocked: 0 });
  await queue.replace({ ...replacement, target: first!, messageId: newId });
  expect(await rows('Payload, Blocked')).toEqual([
    { Payload: 'new', Blocked: 0 },
    { Payload: '2', Blocked: 1 },
    { Payload: '1', Blocked: 0 },
  ]);
  expect((await begin(queue)).messages.map(({ payload }) => payload)).toEqual(['new', '2']);
});

test('S3: with an age of 0 every message matches, and with one of a millisecond those that ended before', async () => {
  const queue = await aQueue();
  await queue.enqueue([message('dead')]);
  const run = await begin(queue);
  await settle(queue, run, [{ ...run.messages[0]!, kind: 'dead', error: 'no' }]);
  await queue.enqueue([message('ready')]);
  const count = async (olderThanMs: number) => (await queue.count({ olderThanMs }, { examine })).count;
  expect([await count(0), await count(1)]).toEqual([2, 0]);
  now += 1;
  expect(await count(1)).toBe(1);
});

test('S3: a part of a search ends at a place with a time if the search is by the times of ends, and only then', async () => {
  const queue = await aQueue();
  await queue.enqueue(['1', '2'].map((payload) => message(payload)));
  const run = await begin(queue);
  const outcomes = run.messages.map((each) => ({ ...each, kind: 'dead', error: 'no' }) as const);
  await settle(queue, run, outcomes);
  expect(walkOf({})).toBe('all');
  const next: Position = { sequence: 2, settledMs: null };
  expect(await queue.find({}, { limit: 1, examine })).toMatchObject({ next });
  expect(await queue.find({}, { limit: 9, examine: 1 })).toMatchObject({ next });
  // The Dead messages come in the order of their deaths.
  const nextDead: Position = { sequence: 1, settledMs: now };
  const filter = { states: ['dead'] } as const;
  expect(await queue.find(filter, { limit: 1, examine })).toMatchObject({ next: nextDead });
  expect(await queue.find(filter, { limit: 9, examine: 1 })).toMatchObject({ next: nextDead });
});

test('S3: a search of payloads ends its part with the message that makes up the bytes, to the byte', async () => {
  const queue = await aQueue();
  await queue.enqueue(['xxxxx', 'xxxx', 'xxxxx', 'xxxxx'].map((payload) => message(payload)));
  const part = { limit: 9, examine: 9, examineBytes: 10 };
  const first = await queue.find({ payloadText: 'x' }, part);
  expect(first.messages.map(({ sequence }) => sequence)).toEqual([4, 3]);
  const last = await queue.find({ payloadText: 'x' }, { ...part, after: first.next! });
  expect(last.messages.map(({ sequence }) => sequence)).toEqual([2, 1]);
  // A byte less does not end the part.
  expect(last.next).toBeNull();
});

test('S3, Q10: the replacement of a message without a key leaves the group of the empty key alone', async () => {
  const queue = await aQueue();
  const old = message('old');
  await queue.enqueue([message('head', { orderingKey: '' }), message('behind', { orderingKey: '' }), old]);
  await queue.replace({ ...replacement, target: old, messageId: newId });
  expect(await queue.statistics()).toMatchObject({ ready: 3, due: 2, blocked: 1 });
  expect((await begin(queue)).messages.map(({ payload }) => payload)).toEqual(['head', 'behind', 'new']);
});

test.each([
  ['dead', { states: ['dead'] }],
  ['done', { states: ['done'] }],
  ['claimed', { states: ['claimed'] }],
  ['of a group', { orderingKey: 'k', states: ['ready', 'claimed'] }],
] as const)(
  'S3: a search of messages that are %s examines no more than it may, and goes on from there',
  async (kind, filter) => {
    const queue = await aQueue();
    const key = kind === 'of a group' ? { orderingKey: 'k' } : {};
    await queue.enqueue([...'12345'].map((payload) => message(payload, key)));
    const run = await begin(queue);
    // Their ends are at times of their own.
    for (const each of run.messages) {
      now += 1;
      if (kind === 'dead') await settle(queue, run, [{ ...each, kind, error: 'no' }], { do: 'renew-lease' });
      if (kind === 'done') await settle(queue, run, [{ ...each, kind }], { do: 'renew-lease' });
    }
    const found: number[][] = [];
    let after: Position | null = null;
    do {
      const part = { examine: 2, ...(after && { after }) };
      const { messages, next }: Found = await queue.find(filter, { ...part, limit: 9 });
      expect((await queue.count(filter, part)).count).toBe(messages.length);
      found.push(messages.map(({ sequence }) => sequence));
      after = next;
    } while (after !== null);
    const descends = kind === 'done' || kind === 'claimed';
    expect(found).toEqual(descends ? [[5, 4], [3, 2], [1]] : [[1, 2], [3, 4], [5]]);
  },
);
