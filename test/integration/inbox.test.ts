import { defineHandler, defineInboxHandler, type Message, PermanentError } from '../../src/queue/handler.ts';
import { deadOf } from '../support/dead-letters.ts';
import { FleetPlace } from '../support/fleet-place.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();

const paid = { source: 'stripe', messageId: 'evt_1', topic: 'order.paid', payload: { order: 1 } };

/** Handlers of both queues for 'order.paid', and what they got. */
function noting(handle: () => unknown = () => {}) {
  const seen: string[] = [];
  const note = (queue: string) => (message: Message) => {
    seen.push(`${queue} ${message.source} ${message.sourceMessageId} ${message.payload}`);
    return handle();
  };
  const handlers = [
    defineInboxHandler({ topic: 'order.paid', handle: note('inbox') }),
    defineHandler({ topic: 'order.paid', handle: note('outbox') }),
  ];
  return { seen, handlers };
}

describe('the inbox of a tenant', () => {
  test('I1: a received message is dispatched once, however often it arrives', async () => {
    const { seen, handlers } = noting();
    const face = await place.fleet(['acme'], { handlers });
    const inbox = face.inbox('acme');
    const first = await inbox.receive(paid);
    expect(first.status).toBe('accepted');
    const { messageId } = first;
    expect(await inbox.receive([paid, { ...paid, source: 'adyen' }])).toMatchObject([
      { status: 'duplicate', messageId },
      { status: 'accepted' },
    ]);
    expect((await face.tick()).runs).toMatchObject([{ reason: 'wake', counts: { done: 2 } }]);
    expect(await inbox.receive({ ...paid, delay: '1h' })).toEqual({ status: 'duplicate', messageId });
    expect(await inbox.statistics()).toMatchObject({ ready: 0, done: 2, dead: 0 });
    expect(seen).toEqual(['inbox stripe evt_1 {"order":1}', 'inbox adyen evt_1 {"order":1}']);
    expect(await inbox.receive([])).toEqual([]);
  });

  test('I1: a source or a hash with a blank at either end is refused; a database may ignore the blank', async () => {
    const inbox = (await place.fleet(['acme'])).inbox('acme');
    await inbox.receive(paid);
    for (const [name, text] of [
      ['source', 'stripe '],
      ['source', ' stripe'],
      ['hash', 'h '],
    ] as const) {
      await expect(inbox.receive({ ...paid, [name]: text })).rejects.toMatchObject({
        code: 'INVALID_MESSAGE',
        message: expect.stringContaining(`${name} must not begin or end with a blank`),
      });
    }
  });

  test('I2: other content under a known id is reported, and kept for an operator', async () => {
    const logger = recordingLogger();
    const { seen, handlers } = noting();
    const face = await place.fleet(['acme'], { handlers, logger });
    const inbox = face.inbox('acme');
    const { messageId } = await inbox.receive(paid);
    const changed = { ...paid, payload: { order: 2 } };
    expect(await inbox.receive(changed)).toEqual({ status: 'conflict', messageId });
    expect(await inbox.receive({ ...paid, topic: 'ORDER.paid' })).toMatchObject({ status: 'duplicate' });
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { tenantId: 'acme', source: 'stripe', sourceMessageId: 'evt_1', messageId } },
    ]);
    expect(JSON.stringify(logger.lines)).not.toContain('order":2');
    await face.tick();
    expect(seen).toEqual(['inbox stripe evt_1 {"order":1}']);
    expect(await deadOf(face, 'acme', 'inbox').list()).toMatchObject([
      { payload: '{"order":2}', attempts: 0 },
    ]);
    await deadOf(face, 'acme', 'inbox').replay();
    await face.tick();
    expect(seen.slice(1)).toEqual(['inbox stripe evt_1 {"order":2}']);
  });

  test('I2: the caller’s own hash replaces the hash of the content', async () => {
    const inbox = (await place.fleet(['acme'])).inbox('acme');
    await inbox.receive({ ...paid, hash: 'v1' });
    expect(await inbox.receive({ ...paid, payload: 'other', hash: 'v1' })).toMatchObject({
      status: 'duplicate',
    });
    expect(await inbox.receive({ ...paid, hash: 'v2' })).toMatchObject({ status: 'conflict' });
  });

  test('I3: within the caller’s transaction: a rollback discards the message', async () => {
    const face = await place.fleet(['acme'], { handlers: noting().handlers });
    const inbox = face.inbox('acme');
    const transaction = place.connection('tenants/acme.db');
    for (const end of ['ROLLBACK', 'COMMIT']) {
      transaction.exec('BEGIN IMMEDIATE');
      expect(await inbox.receive(paid, { transaction })).toMatchObject({ status: 'accepted' });
      transaction.exec(end);
    }
    expect(await inbox.receive(paid)).toMatchObject({ status: 'duplicate' });
  });

  test('F7: only an accepted message wakes the tenant', async () => {
    const face = await place.fleet(['acme'], {
      handlers: noting().handlers,
      schedule: { idleCeilingMs: 'never' },
    });
    const inbox = face.inbox('acme');
    await inbox.receive(paid);
    await face.tick();
    await inbox.receive([paid, { ...paid, payload: 'other' }]);
    expect((await face.plan()).requests).toEqual([]);
    await inbox.receive({ ...paid, messageId: 'evt_2' });
    expect((await face.tick()).runs).toMatchObject([{ tenantId: 'acme', reason: 'wake' }]);
    const transaction = place.connection('tenants/acme.db');
    transaction.exec('BEGIN IMMEDIATE');
    await inbox.receive({ ...paid, messageId: 'evt_3' }, { transaction, wake: true });
    transaction.exec('COMMIT');
    await until('the commit is known', async () => (await face.plan()).requests.length === 1);
  });

  test('D1, Q10, Q13: the inbox’s run retries, orders and gives up like the outbox’s', async () => {
    let broken = true;
    const { seen, handlers } = noting(() => {
      if (broken) throw new PermanentError('broken');
    });
    const face = await place.fleet(['acme'], { handlers });
    const inbox = face.inbox('acme');
    const line = ['1', '2'].map((id) => ({ ...paid, messageId: id, payload: id, orderingKey: 'K' }));
    await inbox.receive(line);
    await face.outbox('acme').enqueue({ topic: 'order.paid', payload: 'out' });
    const [report] = (await face.tick()).runs;
    expect(report).toMatchObject({ counts: { dead: 2 } });
    expect(report!.queues.map(({ queue }) => queue).sort()).toEqual(['inbox', 'outbox']);
    expect([...seen].sort()).toEqual(['inbox stripe 1 1', 'outbox null null out']);
    expect(await deadOf(face, 'acme').count()).toBe(1);
    broken = false;
    expect(await deadOf(face, 'acme', 'inbox').replay()).toBe(1);
    await face.tick();
    expect(seen.slice(2)).toEqual(['inbox stripe 1 1', 'inbox stripe 2 2']);
    expect((await face.status()).totals).toMatchObject({ done: 2, dead: 2 });
  });

  test.each([
    ['source', { ...paid, source: undefined }],
    ['source', { ...paid, source: 'a\nb' }],
    ['messageId', { ...paid, messageId: '' }],
    ['messageId', { ...paid, messageId: 'x'.repeat(201) }],
    ['topic', { ...paid, topic: '' }],
    ['hash', { ...paid, hash: ' ' }],
    ['payload', { ...paid, payload: undefined }],
  ])('a message is refused for its %s, with its place, and none is stored', async (field, bad) => {
    const inbox = (await place.fleet(['acme'])).inbox('acme');
    await expect(inbox.receive([paid, bad as never])).rejects.toMatchObject({
      code: 'INVALID_MESSAGE',
      message: expect.stringMatching(new RegExp(`at index 1 cannot be received: .*${field}`)),
    });
    expect(await inbox.statistics()).toMatchObject({ ready: 0 });
  });
});
