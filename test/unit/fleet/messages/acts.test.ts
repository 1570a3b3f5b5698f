/** S3: what operators do to chosen messages. */
import { DatabaseSync } from 'node:sqlite';
import * as v from 'valibot';
import { MessageStatus } from '../../../../src/engine/message.ts';
import {
  type ActDefinition,
  type ActRequest,
  actOf,
  type EditRequest,
  editMessage,
  reasonOf,
  targetsOf,
} from '../../../../src/fleet/messages/acts.ts';
import { defineHandler } from '../../../../src/queue/handler.ts';
import { HandlerSet } from '../../../../src/queue/handler-set.ts';
import { message, orders } from '../../../support/queue-run.ts';
import { refusal } from '../../../support/refusal.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const call = 'messages.act';
const place = new SqlitePlace();
/** The problem of a refusal, without the call's name. */
const problem = (action: () => unknown) => {
  const { code, message } = refusal(action);
  expect(code).toBe('INVALID_ARGUMENT');
  expect(message).toMatch(/^messages\.act: .*\.$/);
  return message.slice(call.length + 2, -1);
};

describe('what an act does (S3)', () => {
  const act = (given: unknown) => actOf(call, given as ActDefinition);

  test('S3: replay and discard need no more than their names', () => {
    expect([act({ act: 'replay' }), act({ act: 'discard' })]).toEqual([{ do: 'replay' }, { do: 'discard' }]);
  });

  test('S3: a cancel has a reason, also when none is given', () => {
    expect(act({ act: 'cancel' })).toEqual({ do: 'cancel', reason: 'Cancelled by an operator.' });
    expect(act({ act: 'cancel', reason: 'sent twice' })).toEqual({ do: 'cancel', reason: 'sent twice' });
    expect(problem(() => act({ act: 'cancel', reason: 'x'.repeat(401) }))).toBe(
      "'reason' must be text of 1 to 400 characters",
    );
  });

  test('S3: a reschedule has a delay of at most ten years', () => {
    const tenYears = 10 * 365 * 86_400_000;
    expect(act({ act: 'reschedule', delay: '5m' })).toEqual({ do: 'reschedule', delayMs: 300_000 });
    expect(act({ act: 'reschedule', delay: 0 })).toEqual({ do: 'reschedule', delayMs: 0 });
    expect(act({ act: 'reschedule', delay: tenYears })).toEqual({ do: 'reschedule', delayMs: tenYears });
    expect(problem(() => act({ act: 'reschedule', delay: tenYears + 1 }))).toBe(
      `'delay' must be at most 10 years, got ${tenYears + 1}`,
    );
    expect(problem(() => act({ act: 'reschedule' }))).toBe(
      "'reschedule' needs a delay, such as '5m'; 0 makes messages due now",
    );
    expect(problem(() => act({ act: 'reschedule', delay: 'soon' }))).toMatch(/^delay must be milliseconds/);
  });

  test.each(['replay', 'discard', 'reschedule'])('S3: %s takes no reason', (name) => {
    expect(problem(() => act({ act: name, reason: 'because', delay: 0 }))).toBe(
      `'${name}' takes no reason; leave it out`,
    );
  });

  test.each(['replay', 'discard', 'cancel'])('S3: %s takes no delay', (name) => {
    expect(problem(() => act({ act: name, delay: 0 }))).toBe(`'${name}' takes no delay; leave it out`);
  });

  test.each([['retry'], ['toString'], [undefined], [7], [['replay']]])('S3: %j is not an act', (name) => {
    expect(problem(() => act({ act: name }))).toMatch(
      /^'act' must be one of replay, discard, cancel, reschedule, got /,
    );
  });

  test('S3: a reason is text of one line', () => {
    expect(reasonOf(call, 'a\r\n\tb', 10)).toBe('a b');
    expect(reasonOf(call, 'x'.repeat(10), 10)).toBe('x'.repeat(10));
    for (const wrong of ['', ' \n', 'x'.repeat(11), '\ud83d', 7, null, ['x']])
      expect(problem(() => reasonOf(call, wrong as never, 10))).toBe(
        "'reason' must be text of 1 to 10 characters",
      );
  });
});

describe('the messages of an act (S3)', () => {
  const targets = (given: unknown) => targetsOf(call, given as ActRequest['messages']);

  test('S3: are given by id, or as they were listed; each is a target once', () => {
    expect(targets([])).toEqual([]);
    expect(targets(['A0', { messageId: 'b1', version: 'v7' }, { messageId: 'c2' }])).toEqual([
      { messageId: 'a0' },
      { messageId: 'b1', version: 'v7' },
      { messageId: 'c2' },
    ]);
    const [bare] = targets([{ messageId: 'c2' }]);
    expect(bare).not.toHaveProperty('version');
    expect(
      targets([
        { messageId: 'a0', version: 'v1' },
        { messageId: 'A0', version: 'v2' },
      ]),
    ).toEqual([{ messageId: 'a0', version: 'v2' }]);
  });

  test('S3: are at most 1,000', () => {
    const ids = (count: number) => Array.from({ length: count }, (_, n) => `m${n}`);
    expect(targets(ids(1_000))).toHaveLength(1_000);
    for (const wrong of [ids(1_001), 'm1', null, { length: 1 }])
      expect(problem(() => targets(wrong))).toBe("'messages' must be a list of at most 1000 ids");
  });

  test.each([[''], [7], [null], [undefined], [{}], [{ messageId: 7 }]])(
    'S3: %j is not a message of an act',
    (one) => {
      expect(problem(() => targets(['a0', one]))).toMatch(/^a message's id must be text/);
    },
  );

  test('S3: the refusal says what was given', () => {
    expect(problem(() => targets([null]))).toMatch(/, got null$/);
  });

  test('S3: a version is text', () => {
    for (const version of [7, null])
      expect(problem(() => targets([{ messageId: 'a0', version }]))).toBe(
        `a message's version must be text, got ${version}`,
      );
  });
});

describe('a replaced message (S3)', () => {
  async function scene(fields: Parameters<typeof message>[1] = {}) {
    const queue = await place.outbox();
    const stored = message('old', { headers: { by: 'ada' }, ...fields });
    await queue.enqueue([stored]);
    const edit = (given: Partial<EditRequest>, handlers?: HandlerSet) =>
      editMessage('messages.edit', queue, handlers, {
        tenantId: 'acme',
        messageId: stored.messageId,
        ...given,
      });
    return { queue, id: stored.messageId, edit };
  }

  test('S3: keeps what is not given', async () => {
    const { queue, id, edit } = await scene();
    const first = await edit({ payload: { n: 1 } });
    expect(first).toEqual({
      tenantId: 'acme',
      queue: 'outbox',
      replaced: id,
      messageId: expect.any(String),
      schemaChecked: false,
    });
    expect(await queue.get(first.messageId)).toMatchObject({ payload: '{"n":1}', headers: { by: 'ada' } });
    expect(await queue.get(id)).toMatchObject({ endReason: `Replaced by message ${first.messageId}` });
    const second = await edit({ messageId: first.messageId, headers: { by: 'grace' }, reason: 'who' });
    expect(await queue.get(second.messageId)).toMatchObject({ payload: '{"n":1}', headers: { by: 'grace' } });
    expect(await queue.get(first.messageId)).toMatchObject({
      endReason: `Replaced by message ${second.messageId}: who`,
    });
  });

  test('S3: has headers, also where the old message has none', async () => {
    const { queue, edit } = await scene({ headers: {} });
    const { messageId } = await edit({ payload: 'new' });
    expect(await queue.get(messageId)).toMatchObject({ payload: 'new', headers: {} });
  });

  test('Q15, S3: of a message that cannot be read nothing is kept, so both are needed', async () => {
    const { id, queue, edit } = await scene();
    const foreign = new DatabaseSync(place.file('tenants/acme.db'));
    foreign.exec('UPDATE Outbox SET Headers = \'["x"]\'');
    foreign.close();
    expect((await queue.get(id))!.unreadable).toBeDefined();
    for (const given of [{ payload: 1 }, { headers: { by: 'grace' } }])
      await expect(edit(given)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(
          /^messages.edit: the message cannot be read .*give a payload and headers/,
        ),
      });
    const { messageId } = await edit({ payload: 1, headers: { by: 'grace' } });
    expect(await queue.get(messageId)).toMatchObject({ payload: '1', headers: { by: 'grace' } });
  });

  test.each([
    [MessageStatus.Claimed, 'it is in flight; wait until its attempt has ended, and read it again'],
    [null, 'it has changed since it was read; read it again'],
  ])(
    'S3: one that changes meanwhile is named by its state then, or by the one that was read (%p)',
    async (status, advice) => {
      const { queue, id, edit } = await scene();
      const old = (await queue.get(id))!;
      jest
        .spyOn(queue, 'get')
        .mockResolvedValueOnce(old)
        .mockResolvedValueOnce(status === null ? null : { ...old, status });
      jest.spyOn(queue, 'replace').mockResolvedValue(false);
      await expect(edit({ payload: 1 })).rejects.toMatchObject({
        code: 'MESSAGE_CHANGED',
        message: `messages.edit: message '${id}' was not replaced: ${advice}.`,
      });
    },
  );

  test('S3: is due at once, or after the delay', async () => {
    const { queue, edit } = await scene({ dueInMs: 3_600_000 });
    const replace = jest.spyOn(queue, 'replace');
    const { messageId } = await edit({ payload: 'new' });
    const again = await edit({ messageId, payload: 'new', delay: '10h' });
    const [at, later] = [(await queue.get(messageId))!.dueUtc, (await queue.get(again.messageId))!.dueUtc];
    expect(at.getTime()).toBeLessThanOrEqual(Date.now());
    expect(replace.mock.calls.map(([{ delayMs }]) => delayMs)).toEqual([0, 36_000_000]);
    expect(later.getTime() - at.getTime()).toBeGreaterThanOrEqual(36_000_000);
  });

  test('S3: is checked by its handler’s schema, if it has one', async () => {
    const schema = v.object({ n: v.number() });
    const checking = new HandlerSet([defineHandler({ topic: 'orders', schema, handle() {} })]);
    const { edit } = await scene();
    await expect(edit({ payload: { n: 'x' } }, checking)).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
    const first = await edit({ payload: { n: 1 } }, checking);
    expect(first.schemaChecked).toBe(true);
    const { messageId } = first;
    const unchecked = await edit({ messageId, payload: 'any' }, new HandlerSet([orders(() => {})]));
    expect(unchecked.schemaChecked).toBe(false);
  });

  test('S3: needs a payload or headers, a message, and a short reason', async () => {
    const { edit } = await scene();
    await expect(edit({})).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining("give a 'payload' or 'headers'"),
    });
    await expect(edit({ payload: 1, messageId: '' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(edit({ payload: 1, messageId: 'none' })).rejects.toMatchObject({
      code: 'MESSAGE_NOT_FOUND',
      tenantId: 'acme',
      message:
        "messages.edit: tenant 'acme' has no message 'none' in its outbox; check the id, the tenant and the queue.",
    });
    await expect(edit({ payload: 1, reason: 'x'.repeat(301) })).rejects.toMatchObject({
      message: expect.stringContaining("'reason' must be text of 1 to 300 characters"),
    });
    await edit({ payload: 1, reason: 'x'.repeat(300) });
  });

  test('S3: is not replaced when it has ended, has another version, or is in flight', async () => {
    const { queue, id, edit } = await scene();
    const changed = (advice: string) => ({
      code: 'MESSAGE_CHANGED',
      tenantId: 'acme',
      message: `messages.edit: message '${id}' was not replaced: ${advice}.`,
    });
    const read = 'it has changed since it was read; read it again';
    await expect(edit({ payload: 1, version: 'another' })).rejects.toMatchObject(changed(read));
    const setStatus = (status: number) => {
      const foreign = new DatabaseSync(place.file('tenants/acme.db'));
      foreign.exec(`UPDATE Outbox SET Status = ${status}`);
      foreign.close();
    };
    setStatus(1);
    await expect(edit({ payload: 1 })).rejects.toMatchObject(
      changed('it is in flight; wait until its attempt has ended, and read it again'),
    );
    setStatus(3);
    await expect(edit({ payload: 1, version: 'another' })).rejects.toMatchObject(changed(read));
    setStatus(0);
    const { messages } = await queue.find({ messageIds: [id] }, { limit: 1, examine: 1 });
    await edit({ payload: 1, version: messages[0]!.version });
    await expect(edit({ payload: 1 })).rejects.toMatchObject(
      changed('it is cancelled, and only a Ready or Dead message can be replaced'),
    );
  });
});
