/** Every public function refuses an option that it does not know. */
import { randomUUID } from 'node:crypto';
import * as functions from '../../../functions/index.ts';
import * as consolePage from '../../../src/console/index.ts';
import * as handlers from '../../../src/handlers/public.ts';
import * as library from '../../../src/index.ts';
import { AttemptTransaction } from '../../../src/queue/attempt-transaction.ts';
import * as sources from '../../../src/sources/index.ts';
import * as testing from '../../../src/testing/index.ts';
import { FleetPlace, noting } from '../../support/fleet-place.ts';
import { functionsIn } from './public-functions.ts';

const place = new FleetPlace();
const { defineHandler, defineInboxHandler, defineTopic } = library;
const topic = defineTopic('orders');
const handler = defineHandler({ topic: 'orders', handle() {} });
const message = { topic: 'orders', payload: 1 };
const received = { ...message, source: 'bank', messageId: '1' };

/** Options, or fields, with a name that no option and no field has. */
const odd = { unheard: 1 } as never;
const withOdd = <Fields extends object>(fields: Fields) => ({ ...fields, unheard: 1 }) as never;

/** As from JavaScript. */
// biome-ignore lint/suspicious/noExplicitAny: calls that the types refuse are the point
type Loose = any;

interface Faces {
  readonly face: library.MultiOutbox;
  readonly test: testing.TestOutbox;
}
type Call = (faces: Faces) => unknown;

/** Each public function: calls with an option that is not known, or the reason why it has no options. */
const calls: Readonly<Record<string, readonly Call[] | string>> = {
  createMultiOutbox: [
    () => library.createMultiOutbox(odd),
    () => library.createMultiOutbox({ dispatch: odd }),
    () => library.createMultiOutbox({ tenants: [withOdd({ id: 'a' })] }),
    () => library.createMultiOutbox({ handlers: [withOdd(handler)] }),
  ],
  loadSettings: [() => library.loadSettings(odd), () => library.loadSettings({ plan: odd })],
  defineHandler: [
    () => defineHandler(withOdd({ topic: 'a', handle() {} })),
    () => defineHandler({ topic: 'a', handle() {}, retry: odd }),
  ],
  defineInboxHandler: [() => defineInboxHandler(withOdd({ topic: 'a', handle() {} }))],
  deadline: [() => library.deadline(odd)],
  drainFirst: [() => library.drainFirst(odd)],
  priority: [() => library.priority(odd)],
  weighted: [() => library.weighted(odd)],
  parseOutboxMessages: [() => library.parseOutboxMessages('{"topic":"a","payload":1,"unheard":1}', 1)],
  roundRobin: 'it has no options',
  defineTopic: 'the name, and a schema of another library',
  exportTelemetry: 'a name, and the environment',
  fleetHealth: [({ face }) => library.fleetHealth(face, odd)],
  fleetHealthQuery: 'a query of HTTP, which may have more names',
  readiness: 'the checks that a host adds, by any name',
  serveHealth: [({ face }) => library.serveHealth(face, withOdd({ port: 0 }))],
  parseDuration: 'one value',
  parseDispatchRequest: 'the content of a queue; a planner of another release may add fields',
  parseRequestPage: 'the content of a queue; a planner of another release may add fields',
  requestPages: 'a list of requests',
  poisonedRequest: 'the content of a queue',
  sourcesByName: 'a list of objects that the caller implements',
  sameSignature: 'two texts',
  errorName: 'any value',
  errorText: 'any value',
  isMultiOutboxError: 'any value',

  emailSend: [() => handlers.emailSend(odd)],
  webhookPost: [() => handlers.webhookPost(odd)],
  standardWebhooks: [() => sources.standardWebhooks(withOdd({ name: 'bank', secret: 'whsec_c2VjcmV0' }))],
  createSources: 'the checked settings, and the environment',
  registerFunctions: [() => functions.registerFunctions(withOdd({ handlers: [handler] }))],
  createTestOutbox: [
    () => testing.createTestOutbox(odd),
    () => testing.createTestOutbox({ retry: odd }),
    () => testing.createTestOutbox({ tenants: [withOdd({ id: 'a' })] }),
  ],
  consoleHandler: [({ face }) => consolePage.consoleHandler(face, odd)],
  nodeHandler: 'a handler',
  runHandler: [() => testing.runHandler(handler, 1, odd), () => testing.runHandler(withOdd(handler), 1)],

  'face.plan': [({ face }) => face.plan(odd)],
  'face.dispatch': [({ face }) => face.dispatch({ tenantId: 'acme' }, odd)],
  'face.tick': [({ face }) => face.tick(odd)],
  'face.run': [({ face }) => face.run(withOdd({ signal: AbortSignal.abort() }))],
  'face.history': [({ face }) => face.history(odd)],
  'face.worst': [({ face }) => face.worst(odd)],
  'face.migrate': [({ face }) => face.migrate(odd)],
  'face.doctor': [({ face }) => face.doctor(odd)],
  'face.withLeases': [({ face }) => face.withLeases('report', odd, () => {})],
  'face.wake': 'ids',
  'face.wakeFrom': 'the content of a queue, which has its own check',
  'face.poisoned': [({ face }) => face.poisoned('', 'wake', odd)],
  'face.sending': 'a function',
  'face.status': 'it has no options',
  'face.registrySchema': 'it has no options',
  'face.close': 'it has no options',
  'face.outbox': 'an id',
  'face.inbox': 'an id',
  'face.leases': 'an id',
  'face.messages.list': [
    ({ face }) => face.messages.list(withOdd({ tenantId: 'acme' })),
    ({ face }) => face.messages.list({ tenantId: 'acme', filter: odd }),
  ],
  'face.messages.count': [({ face }) => face.messages.count(withOdd({ tenantId: 'acme' }))],
  'face.messages.show': [({ face }) => face.messages.show(withOdd({ tenantId: 'acme', messageId: '' }))],
  'face.messages.act': [
    ({ face }) => face.messages.act(withOdd({ tenantId: 'acme', act: 'replay', messages: [] })),
  ],
  'face.messages.errors': [
    ({ face }) => face.messages.errors(odd),
    ({ face }) => face.messages.errors({ filter: odd }),
  ],
  'face.messages.audit': [({ face }) => face.messages.audit(odd)],
  'face.operations.create': [
    ({ face }) => face.operations.create(withOdd({ act: 'replay', filter: {} })),
    ({ face }) => face.operations.create(withOdd({ act: 'pause', tenants: [] })),
    ({ face }) => face.operations.create({ act: 'change-overrides', overrides: odd, tenants: [] }),
    ({ face }) => face.operations.create({ act: 'replay', filter: odd }),
  ],
  'face.operations.resume': [({ face }) => face.operations.resume(randomUUID(), odd)],
  'face.operations.cancel': [({ face }) => face.operations.cancel(randomUUID(), odd)],
  'face.operations.list': [({ face }) => face.operations.list(odd)],
  'face.operations.get': 'an id',
  'face.operations.summary': 'an id',
  'face.messages.edit': [({ face }) => face.messages.edit(withOdd({ tenantId: 'acme', messageId: '' }))],
  'face.tenants.add': [
    ({ face }) => face.tenants.add(withOdd({ id: 'a' })),
    ({ face }) => face.tenants.add({ id: 'a', overrides: odd }),
    ({ face }) => face.tenants.add({ id: 'a', auth: withOdd({ kind: 'managed-identity' }) }),
  ],
  'face.tenants.change': [
    ({ face }) => face.tenants.change(withOdd({ id: 'acme' })),
    ({ face }) => face.tenants.change({ id: 'acme' }, odd),
  ],
  'face.tenants.changeOverrides': [
    ({ face }) => face.tenants.changeOverrides('acme', withOdd({ batchSize: 5 })),
    ({ face }) => face.tenants.changeOverrides('acme', { batchSize: 5 }, odd),
  ],
  'face.tenants.list': [({ face }) => face.tenants.list(odd)],
  'face.tenants.get': 'an id',
  'face.tenants.wake': [({ face }) => face.tenants.wake('acme', odd)],
  'face.tenants.pause': [({ face }) => face.tenants.pause('acme', odd)],
  'face.tenants.resume': [({ face }) => face.tenants.resume('acme', odd)],
  'face.tenants.remove': [({ face }) => face.tenants.remove('acme', odd)],

  'outbox.enqueueStatement': [
    ({ face }) => face.outbox('acme').enqueueStatement(message, { unheard: 1 } as never),
    ({ face }) => face.outbox('acme').enqueueStatement({ ...message, unheard: 1 } as never),
  ],
  'outbox.enqueue': [
    ({ face }) => face.outbox('acme').enqueue(message, odd),
    ({ face }) => face.outbox('acme').enqueue([message], odd),
    ({ face }) => face.outbox('acme').enqueue([], odd),
    ({ face }) => face.outbox('acme').enqueue(withOdd(message)),
    ({ face }) => face.outbox('acme').enqueue(topic.message(1, odd)),
  ],
  'inbox.receive': [
    ({ face }) => face.inbox('acme').receive(received, odd),
    ({ face }) => face.inbox('acme').receive([], odd),
    ({ face }) => face.inbox('acme').receive(withOdd(received)),
  ],
  ...Object.fromEntries(
    (['outbox', 'inbox'] as const).flatMap((queue): [string, readonly Call[] | string][] => [
      [`${queue}.get`, 'an id'],
      [`${queue}.statistics`, 'it has no options'],
    ]),
  ),
  'leases.acquire': [({ face }) => face.leases('acme').acquire('report', odd)],
  'leases.withLease': [({ face }) => face.leases().withLease('report', odd, () => {})],
  'leases.list': [({ face }) => face.leases('acme').list(odd)],
  'leases.release': [({ face }) => face.leases('acme').release('report', odd)],
  'topic.message': 'enqueue checks the message',
  'topic.handler': [() => topic.handler(withOdd({ handle() {} }))],
  'topic.inboxHandler': [() => topic.inboxHandler(withOdd({ handle() {} }))],

  'test.runHandler': [({ test }) => test.runHandler(handler, 1, odd)],
  'test.failNextRun': [({ test }) => test.failNextRun('shutdown', odd)],
  'test.enqueued': [({ test }) => test.enqueued(odd)],
  'test.drain': 'an id',
  'matchers.toHaveEnqueued': 'the fields of a message',
  'test.database': 'an id',
  'test.clock.now': 'it has no options',
  'test.clock.advance': 'a duration',
  'test.clock.set': 'a time',
};

let faces: Faces;
beforeEach(async () => {
  faces = {
    face: await place.fleet(['acme'], { handlers: noting().handlers }),
    test: await testing.createTestOutbox(),
  };
});
afterEach(() => faces.test.close());
beforeAll(() => {
  // @azure/functions warns that no host is present.
  jest.spyOn(console, 'warn').mockImplementation(() => {});
});
afterAll(() => jest.restoreAllMocks());

test('every public function is in the table', () => {
  const { face, test } = faces;
  const own = functionsIn(test, 'test.').filter((name) => !functionsIn(face, 'test.').includes(name));
  const found = [
    ...[library, handlers, sources, functions, testing, consolePage].flatMap((entry) =>
      functionsIn({ ...entry }),
    ),
    ...functionsIn(face, 'face.'),
    ...own,
    ...functionsIn(face.outbox('acme'), 'outbox.'),
    ...functionsIn(face.inbox('acme'), 'inbox.'),
    ...functionsIn(face.leases('acme'), 'leases.'),
    ...functionsIn(topic, 'topic.'),
  ].filter((name) => !name.startsWith('MessageStatus.'));
  expect([...new Set(found)].sort()).toEqual(Object.keys(calls).sort());
});

const strict = Object.entries(calls).flatMap(([name, list]) =>
  typeof list === 'string' ? [] : list.map((call, index) => [name, index, call] as const),
);

test.each(strict)('%s refuses an unknown option (call %i)', async (_, __, call) => {
  const error = await Promise.resolve(faces)
    .then(call)
    .then(
      () => 'not refused',
      (thrown: unknown) => thrown,
    );
  expect(error).toMatchObject({ name: 'MultiOutboxError', code: expect.stringMatching(/^INVALID_/) });
  expect((error as Error).message).toMatch(/unheard\b.* is not (an option|a setting|a field)/);
});

test('Q3: an option that is not known stores nothing: { transacton } does not commit on its own', async () => {
  const outbox = faces.face.outbox('acme');
  const options = { transacton: {} } as library.EnqueueOptions;
  await expect(outbox.enqueue(message, options)).rejects.toThrow("did you mean 'transaction'?");
  await expect(outbox.enqueue(message, place.connection('acme.db') as never)).rejects.toThrow(
    /^enqueue: 'isOpen' is not an option \(known are transaction, wake\)/,
  );
  for (const transaction of [undefined, null]) {
    await expect(outbox.enqueue(message, { transaction })).rejects.toThrow('leave the option out');
    await expect(faces.face.inbox('acme').receive(received, { transaction })).rejects.toThrow(
      'leave the option out',
    );
  }
  expect(await outbox.statistics()).toMatchObject({ ready: 0 });
  expect(await faces.face.inbox('acme').statistics()).toMatchObject({ ready: 0 });
});

test('S3: a condition that is not known discards no message', async () => {
  const { messages } = faces.face;
  const filter = { topics: 'orders' } as library.MessageSelection;
  await expect(faces.face.operations.create({ act: 'discard', filter })).rejects.toThrow(
    "operations.create: 'topics' is not an option (did you mean 'topic'?).",
  );
  const count = (olderThanMs: string) => messages.count({ tenantId: 'acme', filter: { olderThanMs } });
  await expect(count('yesterday')).rejects.toThrow(/olderThanMs must be milliseconds/);
  expect(await count('1h')).toEqual({ count: 0, cut: null });
});

test('L3, T1: a lease and the enqueue of a handler’s transaction refuse an argument that they would ignore', async () => {
  const ignored = /takes no further argument, got/;
  const lease = (await faces.face.leases('acme').acquire('report'))!;
  await expect((lease as Loose).renew({ durationMs: 1 })).rejects.toThrow(ignored);
  await expect((lease as Loose).release({ force: true })).rejects.toThrow(ignored);
  await lease.release();
  const access = { transact: async (_: unknown, work: Loose) => work({}), enqueue: async () => [] };
  const transaction = new AttemptTransaction(access as Loose, 'acme');
  const enqueued = transaction.run({} as Loose, (tx: Loose) => tx.enqueue(message, { wake: true }));
  await expect(enqueued).rejects.toThrow(ignored);
});
