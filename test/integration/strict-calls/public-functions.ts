/** The public functions by their names, as paths into a scene such as 'face.messages.list'. */
import { randomUUID } from 'node:crypto';
import * as functions from '../../../functions/index.ts';
import * as consolePage from '../../../src/console/index.ts';
import * as handlers from '../../../src/handlers/public.ts';
import * as library from '../../../src/index.ts';
import * as sources from '../../../src/sources/index.ts';
import * as testing from '../../../src/testing/index.ts';
import type { FleetPlace } from '../../support/fleet-place.ts';
import { noting } from '../../support/fleet-place.ts';

export const topic = library.defineTopic('orders');
export const handler = library.defineHandler({ topic: 'orders', handle() {} });

/** The functions of an object, and of the objects in it, by their paths. Classes are left out. */
export function functionsIn(object: object, prefix = ''): string[] {
  return Object.entries(object).flatMap(([name, value]) => {
    if (typeof value === 'function') return /^class\b/.test(String(value)) ? [] : [prefix + name];
    const isPart = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isPart ? functionsIn(value, `${prefix}${name}.`) : [];
  });
}

export const entries = { library, handlers, sources, functions, testing, console: consolePage };

/** Creates an instance, so that constructors are called like functions. */
const creating =
  (Class: new (...given: never[]) => unknown) =>
  (...given: never[]) =>
    new Class(...given);

export async function createScene(place: FleetPlace) {
  const face = await place.fleet(['acme', 'other'], {
    handlers: noting().handlers,
    telemetry: { logToConsole: false },
  });
  const test = await testing.createTestOutbox({ handlers: [handler] });
  const filter = { states: ['dead' as const] };
  const { operation } = await face.operations.create({ act: 'discard', filter });
  const { messageId } = await face.outbox('acme').enqueue({ topic: 'orders', payload: 1 });
  return {
    ...entries,
    face,
    test,
    outbox: face.outbox('acme'),
    inbox: face.inbox('acme'),
    leases: face.leases('acme'),
    topic,
    new: {
      MultiOutboxError: creating(library.MultiOutboxError),
      PermanentError: creating(library.PermanentError),
      RetryAfter: creating(library.RetryAfter),
      Snooze: creating(library.Snooze),
      SignatureRefused: creating(library.SignatureRefused),
      operationOnTenants: face.operations.create,
    },
    operationId: operation.id,
    messageId,
  };
}

export type Scene = Awaited<ReturnType<typeof createScene>>;

const nothing = () => {};
const child = () => silent;
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing, child };
const retry = { maxAttempts: 3, baseMs: 1, maxDelayMs: 5 };
const definition = { handle: nothing, timeoutMs: 5, concurrency: 1, retry };
const schema = { '~standard': { version: 1, vendor: 'x', validate: nothing } };
const request = { tenantId: 'acme', plannedUtc: '2027-01-31T12:00:00.000Z', reason: 'due', version: 1 };
const fields = { headers: { a: 'b' }, correlationId: 'c', orderingKey: 'k' };
const filter = {
  states: ['dead'],
  messageIds: [randomUUID()],
  topic: 'orders',
  enqueuedFrom: '2027-01-31T12:00:00Z',
  olderThanMs: 5,
  orderingKey: 'k',
  errorText: 'e',
};
const signal = () => new AbortController().signal;
const lease = () => ({ durationMs: '10s', owner: 'me', context: 'c', signal: signal() });
const tenant = () => ({
  id: `t${randomUUID().slice(0, 8)}`,
  auth: { kind: 'managed-identity' },
  schema: 'messaging',
  priority: 1,
  weight: 1,
  slaSeconds: 5,
  tags: { a: 'b' },
  overrides: { batchSize: 1, concurrency: 1, idleCeilingMs: 60_000 },
});

/** Arguments with which each public function works; or why it is not called here. */
export const validArguments: Readonly<Record<string, ((scene: Scene) => readonly unknown[]) | string>> = {
  'library.createMultiOutbox': () => [
    {
      tenants: [tenant()],
      handlers: [handler],
      strategy: library.roundRobin(),
      logger: silent,
      onError: nothing,
      onDeadMessage: nothing,
      owner: 'host-1',
      actor: 'ann',
      dispatch: { batchSize: 5 },
    },
  ],
  'library.loadSettings': () => [{ plan: { intervalMs: 60_000 }, registry: 'sqlite::memory:' }, {}],
  'library.defineHandler': () => [{ topic: 'orders', ...definition }],
  'library.defineInboxHandler': () => [{ topic: 'orders', source: 'bank', ...definition }],
  'library.deadline': () => [{ fairEvery: 4 }],
  'library.drainFirst': () => [{ fairEvery: 4 }],
  'library.priority': () => [{ fairEvery: 4 }],
  'library.weighted': () => [{ fairEvery: 4 }],
  'library.roundRobin': 'it has no arguments',
  'library.parseOutboxMessages': () => ['[{"topic":"a","payload":1}]', 5],
  'library.defineTopic': () => ['orders', schema],
  'library.exportTelemetry': () => ['shop', {}, { scraped: false }],
  'library.fleetHealth': ({ face }) => [face, { failOn: ['failing'], staleAfterMs: 5 }],
  'library.fleetHealthQuery': () => [new URLSearchParams('fail-on=dead')],
  'library.readiness': ({ face }) => [face, signal(), { database: { ok: true } }],
  'library.serveHealth': ({ face }) => [
    face,
    { port: 0, host: '127.0.0.1', signal: signal(), logger: silent },
  ],
  'library.parseDuration': () => ['5m'],
  'library.parseDispatchRequest': () => [request],
  'library.parseRequestPage': () => [
    { version: 1, plannedUtc: request.plannedUtc, requests: [['acme', 'due', 0, 0, null]] },
  ],
  'library.requestPages': () => [[request], 5],
  'library.poisonedRequest': () => ['text', new Error('why')],
  'library.sourcesByName': () => [[{ name: 'bank', verify: nothing }]],
  'library.sameSignature': () => ['a', 'b'],
  'library.errorName': () => [new Error('why')],
  'library.errorText': () => [new Error('why')],
  'library.isMultiOutboxError': () => [new Error('why'), 'CLOSED'],

  'handlers.emailSend': () => [{ smtpUrl: 'smtp://localhost', from: 'a@example.com', timeoutMs: 5 }],
  'handlers.webhookPost': () => [{ timeoutMs: 5 }],
  'sources.standardWebhooks': () => [{ name: 'bank', secret: 'whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0' }],
  'sources.createSources': () => [{ receive: { sources: { bank: 'BANK_SECRET' } } }, {}],
  'console.consoleHandler': ({ face }) => [
    face,
    { authorize: nothing, basePath: '/x', hosts: ['a.example'], logger: silent },
  ],
  'console.nodeHandler': () => [nothing],
  'functions.registerFunctions': 'an app registers its functions once; test/unit/functions tries the options',
  'testing.createTestOutbox': () => [
    { tenants: [{ id: 'a' }, 'b'], handlers: [handler], retry: { maxAttempts: 3 }, logger: silent, now: 5 },
  ],
  'testing.runHandler': () => [handler, 1, { attempt: 1, messageId: randomUUID(), ...fields }],

  'face.plan': () => [{ capacity: 1 }],
  'face.dispatch': () => [{ tenantId: 'acme' }, { signal: signal() }],
  'face.tick': () => [{ signal: signal(), onRun: nothing }],
  'face.run': () => [{ signal: AbortSignal.abort(), onRun: nothing, onPlan: nothing }],
  'face.history': () => [{ tenant: 'acme', since: '6h', step: '1h' }],
  'face.worst': () => [{ limit: 5, examine: 5 }],
  'face.migrate': () => [{ tenants: ['acme'], dryRun: true, resume: false, parallel: 1, onTenant: nothing }],
  'face.doctor': () => [{ tenants: ['acme'], parallel: 1, onTenant: nothing }],
  'face.withLeases': () => ['report', { tenants: ['acme'], parallel: 1, ...lease() }, nothing],
  'face.wake': () => [['acme']],
  'face.wakeFrom': () => [{ tenantId: 'acme' }],
  'face.poisoned': () => ['acme', 'wake'],
  'face.sending': () => [nothing],
  'face.status': 'it has no arguments',
  'face.registrySchema': 'it has no arguments',
  'face.close': 'it has no arguments',
  'face.outbox': () => ['acme'],
  'face.inbox': () => ['acme'],
  'face.leases': () => ['acme'],
  'face.messages.list': () => [{ tenantId: 'acme', queue: 'outbox', filter, limit: 5, examine: 5 }],
  'face.messages.count': () => [{ tenantId: 'acme', queue: 'outbox', filter, timeoutMs: 500 }],
  'face.messages.show': () => [{ tenantId: 'acme', queue: 'outbox', messageId: randomUUID(), by: 'ann' }],
  'face.messages.act': () => [
    {
      tenantId: 'acme',
      queue: 'outbox',
      act: 'reschedule',
      delay: 5,
      messages: [{ messageId: randomUUID(), version: '1' }],
      by: 'ann',
    },
  ],
  'face.messages.errors': () => [
    { tenants: ['acme'], queue: 'outbox', filter, parallel: 1, onTenant: nothing },
  ],
  'face.messages.audit': ({ operationId }) => [{ limit: 5, before: '9', tenantId: 'acme', operationId }],
  'face.operations.create': () => [
    { act: 'cancel', reason: 'r', filter, tenants: ['acme'], queue: 'outbox', by: 'ann', onTenant: nothing },
  ],
  'new.operationOnTenants': () => [
    {
      act: 'change-overrides',
      overrides: { batchSize: 5, concurrency: null, idleCeilingMs: '5m' },
      tenants: ['acme'],
      by: 'ann',
    },
  ],
  'face.operations.resume': ({ operationId }) => [
    operationId,
    { by: 'ann', signal: signal(), onProgress: nothing, onTenant: nothing },
  ],
  'face.operations.cancel': 'an operation is cancelled once; `resume` has the same arguments',
  'face.operations.list': ({ operationId }) => [{ limit: 5, before: operationId }],
  'face.operations.get': ({ operationId }) => [operationId],
  'face.operations.summary': ({ operationId }) => [operationId],
  'face.messages.edit': ({ messageId }) => [
    {
      tenantId: 'acme',
      queue: 'outbox',
      messageId,
      payload: { a: 1 },
      headers: { a: 'b' },
      delay: 5,
      reason: 'r',
      by: 'ann',
    },
  ],
  'face.tenants.add': () => [tenant()],
  'face.tenants.change': () => [{ id: 'acme', priority: 1, tags: { a: 'b' } }, { by: 'ann' }],
  'face.tenants.changeOverrides': () => [
    'acme',
    { batchSize: 5, concurrency: 2, idleCeilingMs: '5m' },
    { by: 'ann' },
  ],
  'face.tenants.list': () => [{ status: 'active', limit: 5, after: 'a' }],
  'face.tenants.get': () => ['acme'],
  'face.tenants.pause': () => ['other', { by: 'ann' }],
  'face.tenants.wake': () => ['other', { by: 'ann' }],
  'face.tenants.resume': () => ['other', { by: 'ann' }],
  'face.tenants.remove': () => ['other', { by: 'ann' }],

  'outbox.enqueue': () => [
    [
      {
        topic: 'orders',
        payload: { id: 1, list: [1] },
        messageId: randomUUID(),
        dedupKey: randomUUID(),
        delay: 1,
        ...fields,
      },
    ],
    { wake: false },
  ],
  'outbox.enqueueStatement': () => [
    { topic: 'orders', payload: { id: 1 }, ...fields },
    { placeholder: () => '?' },
  ],
  'inbox.receive': () => [
    [
      {
        topic: 'orders',
        payload: { id: 1 },
        source: 'bank',
        messageId: randomUUID(),
        hash: 'h',
        delay: 1,
        ...fields,
      },
    ],
    { wake: false },
  ],
  ...Object.fromEntries(
    ['outbox', 'inbox'].flatMap((queue) => [
      [`${queue}.get`, () => [randomUUID()]],
      [`${queue}.statistics`, 'it has no arguments'],
    ]),
  ),
  'leases.acquire': () => [`l${randomUUID()}`, lease()],
  'leases.withLease': () => [`l${randomUUID()}`, lease(), nothing],
  'leases.list': () => [{ after: 'a', limit: 5, owned: true }],
  'leases.release': () => ['report', { by: 'ann' }],
  'topic.message': () => [1, fields],
  'topic.handler': () => [definition],
  'topic.inboxHandler': () => [definition],

  'test.runHandler': () => [handler, 1, { tenantId: 'test', attempt: 1, ...fields }],
  'test.failNextRun': () => ['lease lost', { tenantId: 'test', after: 0 }],
  'test.enqueued': () => [{ tenantId: 'test', topic: 'orders', queue: 'outbox', status: 'ready' }],
  'test.drain': () => ['test'],
  'test.dispatch': () => [{ tenantId: 'test' }, { signal: signal() }],
  'test.database': () => ['test'],
  'test.tenants.add': () => [{ id: `t${randomUUID().slice(0, 8)}` }],
  'test.tenants.change': () => [{ id: 'test', priority: 1 }],
  'test.clock.now': 'it has no arguments',
  'test.clock.advance': () => ['5m'],
  'test.clock.set': () => [new Date()],
  'testing.matchers.toHaveEnqueued':
    'its arguments are those of the test runner; test/integration/testing tries them',

  'new.MultiOutboxError': () => ['CLOSED', 'text', { tenantId: 'a', transient: true }],
  'new.PermanentError': () => ['text', {}],
  'new.RetryAfter': () => ['5m', 'text', {}],
  'new.Snooze': () => ['5m', 'reason'],
  'new.SignatureRefused': () => ['text'],
};
