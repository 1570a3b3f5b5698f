import * as v from 'valibot';
import type { Enqueued, Outbox, OutboxMessage } from '../../src/outbox/outbox.ts';
import { defineTopic } from '../../src/outbox/topic.ts';
import { FleetPlace } from '../support/fleet-place.ts';

const place = new FleetPlace();
afterEach(() => place.clear());

interface Order {
  readonly id: number;
}

test('a topic declared by a type gives it to producers and to handlers', async () => {
  const orders = defineTopic<Order>('order.placed');
  const seen: number[] = [];
  const handler = orders.handler({ handle: ({ data }) => seen.push(data.id) });
  const face = await place.fleet(['acme'], { handlers: [handler] });
  await face
    .outbox('acme')
    .enqueue([orders.message({ id: 1 }, { orderingKey: 'a' }), orders.message({ id: 2 })]);
  await face.tick();
  expect(seen.sort()).toEqual([1, 2]);
  // @ts-expect-error: a payload of another type
  orders.message({ id: 'one' });
  // @ts-expect-error: data has no such field
  orders.handler({ handle: ({ data }) => data.name });
});

test('a topic declared by a schema is checked by it: producers give its input, handlers get its output', async () => {
  const orders = defineTopic('order.placed', v.object({ id: v.pipe(v.string(), v.transform(Number)) }));
  const seen: number[] = [];
  const face = await place.fleet(['acme'], {
    handlers: [orders.handler({ handle: ({ data }) => seen.push(data.id) })],
  });
  const outbox = face.outbox('acme');
  await outbox.enqueue(orders.message({ id: '7' }));
  await outbox.enqueue({ topic: orders.topic, payload: { id: 7 } });
  await face.tick();
  expect(seen).toEqual([7]);
  expect(await outbox.statistics()).toMatchObject({ done: 1, dead: 1 });
  // @ts-expect-error: the input is text
  orders.message({ id: 7 });
});

test('the handler of a topic may be a class, and may be of the inbox', async () => {
  class Receipts {
    readonly seen: Order[] = [];
    handle({ data }: { readonly data: Order }) {
      this.seen.push(data);
    }
  }
  const receipts = new Receipts();
  const handler = defineTopic<Order>('receipt').inboxHandler(receipts);
  const face = await place.fleet(['acme'], { handlers: [handler] });
  await face.inbox('acme').receive({ source: 'shop', messageId: '1', topic: 'receipt', payload: { id: 3 } });
  await face.tick();
  expect(receipts.seen).toEqual([{ id: 3 }]);
});

test('Q3: enqueue takes one message, a readonly list, and what may be either', async () => {
  const { outbox } = await place.fleet(['acme']);
  const message: OutboxMessage = { topic: 'orders', payload: 1 };
  const many: readonly OutboxMessage[] = [message, message];
  const either = (
    input: OutboxMessage | readonly OutboxMessage[],
  ): ReturnType<Outbox['enqueue']> | Promise<Enqueued | Enqueued[]> => outbox('acme').enqueue(input);
  expect(await outbox('acme').enqueue(message)).toMatchObject({ status: 'enqueued' });
  expect(await outbox('acme').enqueue(many)).toHaveLength(2);
  expect(await either(message)).toMatchObject({ status: 'enqueued' });
  expect(await either(many)).toHaveLength(2);
});
