/** An application in any language may insert rows with plain SQL, and an operator may repair rows by hand. */
import { replayDead } from '../../support/dead-letters.ts';
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, message, settle, type Then, tenantFileOf, withProgram } from './scene.ts';

const place = new SqlitePlace();

/** The claim of a run that has other messages in flight. */
const claim: Then = { do: 'claim', solo: false, limit: 10, maxBytes: 1_000 };

function sql(text: string): Promise<void> {
  return withProgram(tenantFileOf(place), (db) => db.exec(text));
}

async function payloads(queue: Awaited<ReturnType<typeof place.outbox>>): Promise<string[]> {
  return (await begin(queue)).messages.map(({ payload }) => payload);
}

test('Q1: a topic and a payload are enough', async () => {
  const queue = await place.outbox();
  await sql(`INSERT INTO Outbox (Topic, Payload) VALUES ('orders', 'one'), ('orders', 'two')`);
  const { messages } = await begin(queue);
  expect(messages).toMatchObject([
    { payload: 'one', attempt: 1, headers: {}, correlationId: null, orderingKey: null, recovered: false },
    { payload: 'two' },
  ]);
  const [one, two] = messages;
  expect(one!.messageId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(one!.messageId).not.toBe(two!.messageId);
  expect(one!.dueUtc).toEqual(one!.enqueuedUtc);
});

test('Q1: headers may be any JSON object; a value that is not a string arrives as the JSON text that was stored', async () => {
  const queue = await place.outbox();
  await sql(`INSERT INTO Outbox (Topic, Payload, Headers) VALUES
    ('orders', 'mixed', '{"text":"a","number":9007199254740993, "nested":{"x":[1.0]}}'), ('orders', 'none', NULL)`);
  const { messages } = await begin(queue);
  expect(messages.map(({ headers }) => headers)).toEqual([
    { text: 'a', number: '9007199254740993', nested: '{"x":[1.0]}' },
    {},
  ]);
});

test.each([
  ['Headers', `'no json'`],
  ['Headers', `'{"a":"b"}' || char(0)`],
  ['Headers', `x'7b7d'`],
  ['Payload', `x'00'`],
  ['Payload', 'NULL'],
  ['Topic', 'hex(zeroblob(301))'],
  ['Topic', `'orders '`],
  ['Topic', `' orders'`],
  ['Source', `'shop '`],
  ['Hash', `' h'`],
  ['OrderingKey', `'k' || char(0) || hex(zeroblob(300))`],
  ['MessageId', 'hex(zeroblob(301))'],
  ['Status', '7'],
  ['Status', `'Ready'`],
  ['DueUtc', `'2026-11-27T12:00:00Z'`],
  ['DueUtc', `CURRENT_TIMESTAMP`],
  ['DueUtc', '639000000000000000'],
  ['DueUtc', '1774000000000000000'],
  ['DueUtc', '1774000000000000'],
  ['DueUtc', '-9223372036854775808'],
  ['DueUtc', '1.5'],
  ['EnqueuedUtc', '639000000000000000'],
  ['Attempts', '9223372036854775807'],
  ['Attempts', '-1'],
  ['Parks', '9007199254740993'],
  ['Recovered', '2'],
  ['Blocked', '3'],
  ['Blocked', '-1'],
  // Without an ordering key nothing would unblock it.
  ['Blocked', '1'],
  ['InGroup', '2'],
  ['ReplayCount', '-1'],
  ['ClaimFence', '-1'],
  ['Sequence', '9007199254740993'],
])('Q15: the insert refuses what no program could read: %s = %s', async (column, value) => {
  const queue = await place.outbox();
  const values = { Topic: `'orders'`, Payload: `'p'`, [column]: value };
  const insert = sql(
    `INSERT INTO Outbox (${Object.keys(values).join(', ')}) VALUES (${Object.values(values).join(', ')})`,
  );
  await expect(insert).rejects.toThrow(/constraint failed|cannot store/);
  // The table works as before.
  await sql(`INSERT INTO Outbox (Topic, Payload) VALUES ('orders', 'fine')`);
  expect(await payloads(queue)).toEqual(['fine']);
});

const keyed = { Topic: `'orders'`, Payload: `'odd'`, OrderingKey: `'k'` };

function insertRow(row: Readonly<Record<string, string>>): Promise<void> {
  return sql(`INSERT INTO Outbox (${Object.keys(row).join(', ')}) VALUES (${Object.values(row).join(', ')})`);
}

test.each<[string, Record<string, string>]>([
  ['Ready, but outside its ordering group', { ...keyed, InGroup: '0' }],
  ['Ready, without a key, and in no group', { Topic: `'orders'`, Payload: `'odd'`, InGroup: '0' }],
  ['blocked, but outside its ordering group', { ...keyed, InGroup: '0', Blocked: '1' }],
  ['Claimed, but outside its ordering group', { ...keyed, InGroup: '0', Status: '1', ClaimFence: '0' }],
  ['Done, but still in its ordering group', { ...keyed, Status: '2', SettledUtc: '0' }],
])('Q10, Q15: the insert refuses what would wait for ever: a message that is %s', async (_, row) => {
  const queue = await place.outbox();
  await expect(insertRow(row)).rejects.toThrow(/constraint failed/);
  await queue.enqueue([message('fine', { orderingKey: 'k' })]);
  expect(await payloads(queue)).toEqual(['fine']);
});

test('Q10: an update by hand takes no message out of its ordering group while it is Ready, and leaves no Done one in it', async () => {
  const queue = await place.outbox();
  await queue.enqueue(['1', '2'].map((payload) => message(payload, { orderingKey: 'k' })));
  await expect(sql('UPDATE Outbox SET InGroup = 0')).rejects.toThrow(/constraint failed/);
  await expect(sql('UPDATE Outbox SET Status = 2 WHERE Blocked = 0')).rejects.toThrow(/constraint failed/);
  expect(await payloads(queue)).toEqual(['1', '2']);
});

test('Q10: settled messages may be inserted, and hold their group only as Dead ones in it', async () => {
  const queue = await place.outbox();
  await insertRow({ ...keyed, Status: '2', InGroup: '0', SettledUtc: '0' });
  await insertRow({ ...keyed, Status: '3', InGroup: '0', SettledUtc: '0' });
  await sql(`INSERT INTO Outbox (Topic, Payload, Status, SettledUtc) VALUES ('orders', 'old', 2, 0)`);
  await queue.enqueue([message('next', { orderingKey: 'k' })]);
  expect(await queue.statistics()).toMatchObject({ ready: 1, blocked: 0, done: 2, dead: 1 });
  expect(await payloads(queue)).toEqual(['next']);
  await insertRow({ ...keyed, OrderingKey: `'d'`, Status: '3', SettledUtc: '0' });
  await queue.enqueue([message('behind', { orderingKey: 'd' })]);
  expect(await queue.statistics()).toMatchObject({ blocked: 1, dead: 2 });
});

test('Q10, Q15: a message that is inserted as blocked, but is the first of its group, does not stop the group', async () => {
  const queue = await place.outbox();
  await sql(`INSERT INTO Outbox (Topic, Payload, OrderingKey, Blocked) VALUES ('orders', 'first', 'k', 1)`);
  await sql(`INSERT INTO Outbox (Topic, Payload, OrderingKey, Blocked) VALUES ('orders', 'second', 'k', 1)`);
  await queue.enqueue([message('third', { orderingKey: 'k' })]);
  expect(await queue.statistics()).toMatchObject({ ready: 3, blocked: 2 });
  expect(await payloads(queue)).toEqual(['first', 'second', 'third']);
});

test('Q15: a due time in ticks, stored with the constraints switched off, does not stop the queue', async () => {
  const queue = await place.outbox();
  await sql(`PRAGMA ignore_check_constraints = ON;
    INSERT INTO Outbox (Topic, Payload, DueUtc) VALUES ('orders', 'far', 639000000000000000)`);
  expect(await queue.statistics()).toMatchObject({ ready: 1, due: 0, nextDueInMs: expect.any(Number) });
  const request = { owner: 'run', durationMs: 60_000, claim: { limit: 10, maxBytes: 1_000 } };
  expect(await queue.begin(request)).toMatchObject({ status: 'idle', nextDueInMs: expect.any(Number) });
  await queue.enqueue([message('near')]);
  const run = await begin(queue);
  expect(run.messages.map(({ payload }) => payload)).toEqual(['near']);
  expect(run.nextDueInMs).toBeGreaterThan(0);
  await settle(queue, run, [{ ...run.messages[0]!, kind: 'done' }]);
});

test.each([6, 7])(
  'Q4, Q15: %p messages, of which six have due times that no program can read, are claimed together',
  async (count) => {
    const queue = await place.outbox();
    // A gap in the sequences of the due messages: those of a whole span are claimed in another way.
    await queue.enqueue([message('0'), message('later', { dueInMs: 3_600_000 })]);
    await queue.enqueue(Array.from({ length: count - 1 }, (_, nth) => message(`${nth + 1}`)));
    await sql(`PRAGMA ignore_check_constraints = ON;
      UPDATE Outbox SET DueUtc = -9223372036854775808 WHERE Sequence <= 7 AND Payload <> 'later'`);
    const { messages } = await begin(queue);
    expect(messages.map(({ payload }) => payload)).toEqual(['', '', '', '', '', '', '6'].slice(0, count));
    expect(await queue.statistics()).toMatchObject({ claimed: count, ready: 1 });
  },
);

test('Q14, Q15: a payload that contains the replacement character itself is readable', async () => {
  const queue = await place.outbox();
  const payload = 'a\ufffdb\0c\ufffd';
  await queue.enqueue([message(payload, { orderingKey: '\ufffd', headers: { '\ufffd': '\ufffd' } })]);
  const { messages } = await begin(queue);
  expect(messages).toMatchObject([{ payload, orderingKey: '\ufffd', headers: { '\ufffd': '\ufffd' } }]);
  expect(messages[0]!.unreadable).toBeUndefined();
});

test('Q3: ids are case-insensitive', async () => {
  const queue = await place.outbox();
  const id = '01890A5D-AC96-774B-BCCE-B302099A8057';
  await sql(`INSERT INTO Outbox (MessageId, Topic, Payload) VALUES ('${id}', 'orders', 'p')`);
  const again = await queue.enqueue([message('q', { messageId: id.toLowerCase() })]);
  expect(again).toEqual([{ messageId: id, status: 'duplicate' }]);
  expect(await queue.get(id.toLowerCase())).toMatchObject({ payload: 'p' });
});

test('Q3: a statement for another driver counts its placeholders from 1, and is refused as the message would be', async () => {
  const queue = await place.outbox();
  const { sql: text, parameters } = queue.enqueueStatement(
    message('x', { orderingKey: 'k' }),
    (nth) => `$${nth}`,
  );
  expect(parameters).toHaveLength(4);
  expect(text.match(/\$\d/g)).toEqual(['$1', '$2', '$3', '$4']);
  expect(() => queue.enqueueStatement(message('x', { topic: ' orders' }))).toThrow(
    'topic must not begin or end with a blank.',
  );
});

test('Q10: rows inserted plainly are blocked behind their key', async () => {
  const queue = await place.outbox();
  await sql(`INSERT INTO Outbox (Topic, Payload, OrderingKey) VALUES
    ('orders', 'a1', 'a'), ('orders', 'b1', 'b'), ('orders', 'a2', 'a')`);
  await queue.enqueue([message('a3', { orderingKey: 'a' })]);
  expect(await queue.statistics()).toMatchObject({ ready: 4, due: 2, blocked: 2 });
  expect(await payloads(queue)).toEqual(['a1', 'b1', 'a2', 'a3']);
});

test('Q10: rows with an empty key form an ordering group', async () => {
  const queue = await place.outbox();
  await sql(
    `INSERT INTO Outbox (Topic, OrderingKey, Payload) VALUES ('t', '', '1'), ('t', '', '2'), ('t', 'k', '3')`,
  );
  const run = await begin(queue, 1);
  expect(run.messages).toMatchObject([{ payload: '1', orderingKey: '' }]);
  await settle(queue, run, [{ ...run.messages[0]!, kind: 'done' }], { do: 'release-lease' });
  expect(await payloads(queue)).toEqual(['2', '3']);
});

test('Q10: a row that is wrongly unblocked is not claimed out of order', async () => {
  const queue = await place.outbox();
  await queue.enqueue(['1', '2', '3'].map((payload) => message(payload, { orderingKey: 'k' })));
  const run = await begin(queue, 1);
  await sql('UPDATE Outbox SET Blocked = 0');
  const later = {
    ...run.messages[0]!,
    kind: 'retry',
    delayMs: 3_600_000,
    error: 'e',
  } as const;
  const settled = await settle(queue, run, [later], claim);
  expect(settled.messages).toEqual([]);
  expect(settled.nextDueInMs).toBeGreaterThan(3_000_000);
  expect(await queue.statistics()).toMatchObject({ ready: 3, due: 0, blocked: 2 });
});

test('Q10: a row that is wrongly unblocked is not claimed while its key runs', async () => {
  const queue = await place.outbox();
  await queue.enqueue(['1', '2'].map((payload) => message(payload, { orderingKey: 'k' })));
  const run = await begin(queue, 1);
  await sql('UPDATE Outbox SET Blocked = 0');
  const overlapping = await settle(queue, run, [], claim);
  expect(overlapping.messages).toEqual([]);
  await settle(queue, run, [{ ...run.messages[0]!, kind: 'done' }]);
  expect(await payloads(queue)).toEqual(['2']);
});

test('Q5, Q10: rows that are wrongly unblocked are claimed in sequence, with one attempt each', async () => {
  const queue = await place.outbox();
  const letters = ['1', '2', '3'].map((payload) => message(payload, { orderingKey: 'k' }));
  await queue.enqueue(letters);
  await sql('UPDATE Outbox SET Blocked = 0');
  expect(await payloads(queue)).toEqual(['1', '2', '3']);
  for (const { messageId } of letters) expect(await queue.get(messageId)).toMatchObject({ attempts: 1 });
});

test('Q10, Q15: a row that is wrongly unblocked, with a key that cannot be read, waits for no other', async () => {
  const queue = await place.outbox();
  await sql(`INSERT INTO Outbox (Topic, OrderingKey, Payload)
    VALUES ('t', CAST(x'6bff' AS TEXT), '1'), ('t', CAST(x'6bff' AS TEXT), '2')`);
  await sql('UPDATE Outbox SET Blocked = 0');
  const reason = { unreadable: 'OrderingKey is not valid UTF-8' };
  expect(await begin(queue)).toMatchObject({ messages: [reason, reason], more: false });
});

test('Q10: a head that is wrongly blocked is unblocked by the messages behind it', async () => {
  const queue = await place.outbox();
  await queue.enqueue(['1', '2'].map((payload) => message(payload, { orderingKey: 'k' })));
  await sql('UPDATE Outbox SET Blocked = 1 - Blocked');
  const first = await queue.begin({
    owner: 'run',
    durationMs: 60_000,
    claim: { limit: 10, maxBytes: 1_000 },
  });
  expect(first).toMatchObject({ status: 'idle', nextDueInMs: 0 });
  expect(await payloads(queue)).toEqual(['1', '2']);
});

test('Q10: when the head of an ordering group is deleted by hand, the next is unblocked', async () => {
  const queue = await place.outbox();
  await queue.enqueue(['1', '2', '3'].map((payload) => message(payload, { orderingKey: 'k' })));
  const run = await begin(queue, 1);
  await settle(queue, run, [{ ...run.messages[0]!, kind: 'dead', error: 'no' }]);
  expect(await queue.statistics()).toMatchObject({ due: 0, blocked: 2 });
  await sql('DELETE FROM Outbox WHERE Status = 3');
  expect(await queue.statistics()).toMatchObject({ due: 1, blocked: 1 });
  expect(await payloads(queue)).toEqual(['2', '3']);
});

test('Q10, Q13: a message replayed while a later one of its key runs is not due until that one ends', async () => {
  const queue = await place.outbox();
  await queue.enqueue(['1', '2'].map((payload) => message(payload, { orderingKey: 'k' })));
  const dying = await begin(queue, 1);
  const died = { ...dying.messages[0]!, kind: 'dead', error: 'no' } as const;
  await settle(queue, dying, [died], { do: 'release-lease' }, { onDead: 'continue' });
  const run = await begin(queue);
  expect(run.messages).toMatchObject([{ payload: '2' }]);
  expect(await replayDead(queue, {}, 10)).toBe(1);
  expect(await queue.statistics()).toMatchObject({ ready: 1, due: 0, blocked: 1, claimed: 1 });
  // The message is not claimed either when an operator unblocks it by hand.
  await sql('UPDATE Outbox SET Blocked = 0');
  expect((await settle(queue, run, [], claim)).messages).toEqual([]);
  await settle(queue, run, [{ ...run.messages[0]!, kind: 'done' }]);
  expect(await payloads(queue)).toEqual(['1']);
});

test('Q4, Q15: throttled topics and sources that are not UTF-8 come back, and hold up no others', async () => {
  const queue = await place.outbox();
  await sql(`INSERT INTO Outbox (Topic, Source, Payload) VALUES ('slow', CAST(x'61ff' AS TEXT), 'odd'), ('slow', 'z', 'z'),
    (CAST(x'75ff' AS TEXT), '', 'odd topic'), ('unlike', '', 'unlike'), ('quick', '', 'quick')`);
  const topics = ['slow', 'u\ufffd', 'unlike'];
  const full = topics.map((topic) => ({ topic, room: 0 }));
  const run = await queue.begin({
    owner: 'run',
    durationMs: 60_000,
    claim: { limit: 10, maxBytes: 1_000, rooms: full },
  });
  if (run.status !== 'claimed') throw new Error(run.status);
  expect(run.messages.map(({ payload }) => payload)).toEqual(['quick']);
  const rooms = topics.map((topic) => ({ topic, room: 5 }));
  // A row that no program can read arrives without its payload.
  const second = await settle(queue, run, [], { ...claim, rooms });
  expect(second.messages.map(({ payload }) => payload)).toEqual(['', 'z', '', 'unlike']);
});
