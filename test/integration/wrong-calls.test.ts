import { randomUUID } from 'node:crypto';
import { emailSend, webhookPost } from '../../src/handlers/index.ts';
import {
  deadline,
  defineHandler,
  defineInboxHandler,
  defineTopic,
  drainFirst,
  isMultiOutboxError,
  loadSettings,
  priority,
  weighted,
} from '../../src/index.ts';
import type { MultiOutbox } from '../../src/multi-outbox.ts';
import { standardWebhooks } from '../../src/sources/index.ts';
import { createTestOutbox, runHandler } from '../../src/testing/index.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';

const place = new FleetPlace();
const nothing = null as never;
const message = { topic: 'orders', payload: 1 };
const received = { ...message, source: 'bank', messageId: '1' };
const acme = { tenantId: 'acme' };
const oddSignal = { signal: 7 as never };
const circle: Record<string, unknown> = {};
circle.self = circle;

const calls: readonly (readonly [string, (face: MultiOutbox) => unknown])[] = [
  ['plan(null)', (face) => face.plan(nothing)],
  ['plan(7)', (face) => face.plan(7 as never)],
  ['plan with a capacity of a symbol', (face) => face.plan({ capacity: Symbol('many') as never })],
  ['dispatch(null)', (face) => face.dispatch(nothing)],
  ['dispatch(request, null)', (face) => face.dispatch({ tenantId: 'acme' }, nothing)],
  ['dispatch of a circle', (face) => face.dispatch(circle as never)],
  ['tick(null)', (face) => face.tick(nothing)],
  ['tick with a callback that is none', (face) => face.tick({ onRun: 'log' as never })],
  ['run(null)', (face) => face.run(nothing)],
  ['run()', (face) => (face.run as () => unknown)()],
  ['run({})', (face) => face.run({} as never)],
  ['wake(null)', (face) => face.wake(nothing)],
  ['wake([null])', (face) => face.wake([nothing])],
  ['worst(null)', (face) => face.worst(nothing)],
  ['migrate(null)', (face) => face.migrate(nothing)],
  ['migrate with a callback that is none', (face) => face.migrate({ onTenant: 7 as never })],
  ['doctor(null)', (face) => face.doctor(nothing)],
  ['outbox(null)', (face) => face.outbox(nothing).enqueue(message)],
  ['inbox(null)', (face) => face.inbox(nothing).receive(received)],
  ['leases(null)', (face) => face.leases(nothing).list()],
  ['enqueue(null)', (face) => face.outbox('acme').enqueue(nothing)],
  ['enqueue(message, null)', (face) => face.outbox('acme').enqueue(message, nothing)],
  ['enqueue of a circle', (face) => face.outbox('acme').enqueue({ ...message, payload: circle })],
  ['receive(null)', (face) => face.inbox('acme').receive(nothing)],
  ['receive(message, null)', (face) => face.inbox('acme').receive(received, nothing)],
  ['messages.list(null)', (face) => face.messages.list(nothing)],
  ['messages.list of a tenant null', (face) => face.messages.list({ tenantId: nothing })],
  ['messages.list of an unknown queue', (face) => face.messages.list({ ...acme, queue: 'inbix' as never })],
  ['messages.list with a filter null', (face) => face.messages.list({ ...acme, filter: nothing })],
  [
    'messages.list of an unknown state',
    (face) => face.messages.list({ ...acme, filter: { states: ['daed' as never] } }),
  ],
  ['messages.list of no state', (face) => face.messages.list({ ...acme, filter: { states: [] } })],
  ['messages.list of an empty text', (face) => face.messages.list({ ...acme, filter: { payloadText: '' } })],
  ['messages.list since never', (face) => face.messages.list({ ...acme, filter: { enqueuedFrom: 'never' } })],
  ['messages.list with a limit that is none', (face) => face.messages.list({ ...acme, limit: 1.5 })],
  ['messages.list with a cursor that is none', (face) => face.messages.list({ ...acme, cursor: 'next' })],
  [
    "messages.list with another filter's cursor",
    (face) => face.messages.list({ ...acme, filter: { states: ['dead'] }, cursor: 'all.7.' }),
  ],
  ['messages.count(null)', (face) => face.messages.count(nothing)],
  ['messages.show(null)', (face) => face.messages.show(nothing)],
  ['messages.show of an id that is none', (face) => face.messages.show({ ...acme, messageId: '' })],
  ['messages.act(null)', (face) => face.messages.act(nothing)],
  [
    'messages.act of an unknown act',
    (face) => face.messages.act({ ...acme, act: 'bury' as never, messages: [] }),
  ],
  [
    'messages.act on messages null',
    (face) => face.messages.act({ ...acme, act: 'replay', messages: nothing }),
  ],
  [
    'messages.act on a message null',
    (face) => face.messages.act({ ...acme, act: 'replay', messages: [nothing] }),
  ],
  [
    'messages.act with a reason that is not used',
    (face) => face.messages.act({ ...acme, act: 'replay', reason: 'r', messages: [] }),
  ],
  [
    'messages.act without the delay',
    (face) => face.messages.act({ ...acme, act: 'reschedule', messages: [] }),
  ],
  ['messages.act by nobody', (face) => face.messages.act({ ...acme, act: 'replay', messages: [], by: '' })],
  ['messages.errors(null)', (face) => face.messages.errors(nothing)],
  ['messages.errors of tenants null', (face) => face.messages.errors({ tenants: nothing })],
  ['messages.audit(null)', (face) => face.messages.audit(nothing)],
  ['messages.audit before an id that is none', (face) => face.messages.audit({ before: 'x' })],
  ['operations.create(null)', (face) => face.operations.create(nothing)],
  [
    'operations.create of an unknown act',
    (face) => face.operations.create({ act: 'bury' as never, filter: {} }),
  ],
  ['operations.resume(null)', (face) => face.operations.resume(nothing)],
  ['operations.resume of an id that is none', (face) => face.operations.resume('7')],
  ['operations.cancel of an id that is none', (face) => face.operations.cancel('7')],
  ['operations.get of an id that is none', (face) => face.operations.get('7')],
  ['operations.summary of an id that is none', (face) => face.operations.summary('7')],
  ['operations.list(null)', (face) => face.operations.list(nothing)],
  ['messages.edit(null)', (face) => face.messages.edit(nothing)],
  ['messages.edit of nothing', (face) => face.messages.edit({ ...acme, messageId: randomUUID() })],
  ['acquire(null)', (face) => face.leases('acme').acquire(nothing)],
  ['acquire with a signal that is none', (face) => face.leases().acquire('report', oddSignal)],
  ['acquire with a signal null', (face) => face.leases().acquire('report', { signal: nothing })],
  ['withLease with a signal that is none', (face) => face.leases().withLease('report', oddSignal, () => {})],
  ['withLeases with a signal that is none', (face) => face.withLeases('report', oddSignal, () => {})],
  ['dispatch with a signal that is none', (face) => face.dispatch(acme, oddSignal)],
  ['tick with a signal that is none', (face) => face.tick(oddSignal)],
  ['run with a signal that is none', (face) => face.run(oddSignal)],
  ['operations.resume with a signal that is none', (face) => face.operations.resume(randomUUID(), oddSignal)],
  ['acquire(name, null)', (face) => face.leases('acme').acquire('report', nothing)],
  ['withLease(name, null, work)', (face) => face.leases().withLease('report', nothing, () => {})],
  ['withLease(name, {}, null)', (face) => face.leases().withLease('report', {}, nothing)],
  ['withLeases(name, null, work)', (face) => face.withLeases('report', nothing, () => {})],
  ['withLeases(name, {}, null)', (face) => face.withLeases('report', {}, nothing)],
  ['tenants.add(null)', (face) => face.tenants.add(nothing)],
  ['tenants.change(null)', (face) => face.tenants.change(nothing)],
  ['tenants.get(null)', (face) => face.tenants.get(nothing)],
  ['tenants.pause({})', (face) => face.tenants.pause({} as never)],
  ['tenants.list(null)', (face) => face.tenants.list(nothing)],
  ['tenants.list of an unknown status', (face) => face.tenants.list({ status: 'activ' as never })],
  ['tenants.list after a number', (face) => face.tenants.list({ after: 7 as never })],
  ['tenants.list with a limit that is none', (face) => face.tenants.list({ limit: 1.5 })],
  ['createMultiOutbox with handlers null', () => place.face({ handlers: nothing })],
  ['createMultiOutbox with a handler null', () => place.face({ handlers: [nothing] })],
  ['createMultiOutbox with a tenant null', () => place.face({ tenants: [nothing] })],
  ['createMultiOutbox with tenants null', () => place.face({ tenants: nothing })],
  ['createMultiOutbox with strategy null', () => place.face({ strategy: nothing })],
  [
    'createMultiOutbox with a strategy of an unknown order',
    () => place.face({ strategy: { name: 's', order: 'size' as never, choose: () => [] } }),
  ],
  [
    'createMultiOutbox with a strategy whose order throws',
    () =>
      place.face({
        strategy: {
          name: 's',
          get order(): never {
            throw new Error('no order');
          },
          choose: null as never,
        },
      }),
  ],
  ['createMultiOutbox with settings null', () => place.face({ dispatch: nothing })],
  ['loadSettings(null)', () => loadSettings(nothing)],
  ['defineHandler(null)', () => defineHandler(nothing)],
  ['defineHandler with retry null', () => defineHandler({ topic: 't', handle() {}, retry: nothing })],
  ['defineHandler with schema null', () => defineHandler({ topic: 't', handle() {}, schema: nothing })],
  ['defineHandler with a circle as topic', () => defineHandler({ topic: circle as never, handle: nothing })],
  ['defineInboxHandler(null)', () => defineInboxHandler(nothing)],
  ['topic.handler(null)', () => defineTopic('t').handler(nothing)],
  ['deadline(null)', () => deadline(nothing)],
  ['drainFirst({ fairEvery: 0 })', () => drainFirst({ fairEvery: 0 })],
  ['priority({ fairEvery: NaN })', () => priority({ fairEvery: Number.NaN })],
  ['weighted(7)', () => weighted(7 as never)],
  ['emailSend(null)', () => emailSend(nothing)],
  ['webhookPost(null)', () => webhookPost(nothing)],
  ['webhookPost({ secret: 7 })', () => webhookPost({ secret: 7 as never })],
  ['standardWebhooks(null)', () => standardWebhooks(nothing)],
  ['standardWebhooks without a secret', () => standardWebhooks({ name: 'bank' } as never)],
  ['createTestOutbox(null)', () => createTestOutbox(nothing)],
  ['runHandler(null)', () => runHandler(nothing, 1)],
];

test.each(calls)('%s is refused by an error with a code, on one short line', async (_, call) => {
  const face = await place.fleet(['acme'], { handlers: noting().handlers });
  const error = await Promise.resolve(face)
    .then(call)
    .then(
      () => 'not refused',
      (thrown: unknown) => thrown,
    );
  expect(error).toMatchObject({ name: 'MultiOutboxError', code: expect.stringMatching(/^INVALID_/) });
  expect((error as Error).message).toMatch(/^.{10,300}$/);
  expect(isMultiOutboxError(error) && error.transient).toBe(false);
});
