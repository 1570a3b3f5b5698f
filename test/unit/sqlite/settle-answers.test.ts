/** Q8, Q9: what a call that settles and claims says of the messages that it leaves, on a clock that the test moves. */
import { SqlitePlace } from '../../support/sqlite-place.ts';
import { begin, type Claimed, manyBytes, message, settle, type Then } from './scene.ts';

const place = new SqlitePlace();

let now = 0;
beforeEach(() => {
  now = 1_700_000_000_000;
});

const aQueue = () => place.outbox('acme', place.engine({ clock: () => now }));
const mail = (payload: string) => message(payload, { topic: 'mails' });
const all = ({ messages }: Pick<Claimed, 'messages'>) =>
  messages.map(({ sequence, messageId }) => ({ sequence, messageId, kind: 'done' }) as const);

/** A claim in which the topic 'orders' may have a limit. */
function claim(more: { solo?: boolean; limit?: number; room?: number } = {}): Then {
  const { solo = false, limit = 10, room } = more;
  const rooms = room === undefined ? {} : { rooms: [{ topic: 'orders', room }] };
  return { do: 'claim', solo, limit, maxBytes: manyBytes, ...rooms };
}

/** A run that has claimed a message of another topic, while 'orders' had no room for these. */
async function throttling(...payloads: string[]) {
  const queue = await aQueue();
  await queue.enqueue([...payloads.map((payload) => message(payload)), mail('first')]);
  const run = (await queue.begin({
    owner: 'run',
    durationMs: 60_000,
    claim: { limit: 10, maxBytes: manyBytes, rooms: [{ topic: 'orders', room: 0 }] },
  })) as Claimed;
  expect(run).toMatchObject({ messages: [{ payload: 'first' }], throttled: true });
  return { queue, run };
}

test('Q4: a claim without limits leaves throttled messages behind those that it takes, and says so', async () => {
  const { queue, run } = await throttling('1', '2', '3', '4', '5');
  const answer = await settle(queue, run, [], claim({ limit: 2 }));
  expect(answer).toMatchObject({ messages: [{ payload: '1' }, { payload: '2' }], throttled: true });
  expect(answer).toMatchObject({ more: true, nextDueInMs: 0 });
  const rest = await settle(queue, run, [], claim());
  expect(rest.messages.map(({ payload }) => payload)).toEqual(['3', '4', '5']);
  expect(rest).toMatchObject({ more: false, throttled: false, nextDueInMs: null });
});

test('Q4: a claim says that it has throttled messages, also when others are due still', async () => {
  const queue = await aQueue();
  await queue.enqueue([mail('A'), message('1'), mail('B'), mail('C')]);
  const run = await begin(queue, 1);
  const answer = await settle(queue, run, [], claim({ limit: 1, room: 0 }));
  expect(answer).toMatchObject({ messages: [{ payload: 'B' }], more: true, throttled: true, nextDueInMs: 0 });
});

test('Q4: a claim throttles no message behind those that it takes', async () => {
  const queue = await aQueue();
  await queue.enqueue([mail('A'), mail('B'), message('1')]);
  const run = await begin(queue, 1);
  const answer = await settle(queue, run, [], claim({ limit: 1, room: 0 }));
  expect(answer).toMatchObject({
    messages: [{ payload: 'B' }],
    more: true,
    throttled: false,
    nextDueInMs: 0,
  });
});

test('Q4: a full batch takes no message of a topic without room', async () => {
  const queue = await aQueue();
  await queue.enqueue([mail('A'), mail('B'), message('1'), mail('C')]);
  const run = await begin(queue, 1);
  const answer = await settle(queue, run, [], claim({ limit: 2, room: 0 }));
  expect(answer.messages.map(({ payload }) => payload)).toEqual(['B', 'C']);
});

test('Q4: a claim of a part of what is due says that nothing is throttled if nothing is', async () => {
  const queue = await aQueue();
  await queue.enqueue(['A', 'B', 'C'].map(mail));
  const run = await begin(queue, 1);
  const answer = await settle(queue, run, [], claim({ limit: 1 }));
  expect(answer).toMatchObject({
    messages: [{ payload: 'B' }],
    more: true,
    throttled: false,
    nextDueInMs: 0,
  });
});

test('Q8, Q11: a run that ends because only throttled messages are left says that there is more', async () => {
  const { queue, run } = await throttling('1', '2');
  const last = await settle(queue, run, all(run), claim({ solo: true, room: 0 }));
  expect(last).toMatchObject({
    lease: 'released',
    messages: [],
    more: true,
    throttled: true,
    nextDueInMs: 0,
  });
});

test('Q16: a claim that finds nothing but due times to draw in keeps the lease, and the next one takes their messages', async () => {
  const queue = await aQueue();
  await queue.enqueue([message('A'), message('B')]);
  const run = await begin(queue, 1);
  now -= 3_600_000;
  const drawing = await settle(queue, run, all(run), claim({ solo: true }));
  expect(drawing).toMatchObject({ lease: 'renewed', messages: [], more: true, nextDueInMs: 0 });
  expect(await settle(queue, run, [], claim({ solo: true }))).toMatchObject({ messages: [{ payload: 'B' }] });
});

test('Q16: a claim draws in due times also when other messages are due still', async () => {
  const queue = await aQueue();
  await queue.enqueue([message('A'), message('ahead')]);
  const run = await begin(queue, 1);
  now -= 3_600_000;
  await queue.enqueue([message('B'), message('C')]);
  const answer = await settle(queue, run, all(run), claim({ limit: 1 }));
  expect(answer).toMatchObject({ messages: [{ payload: 'B' }], more: true, nextDueInMs: 0 });
  expect(await queue.statistics()).toMatchObject({ due: 2, ready: 2 });
});
