/** Messages of one tenant: every one of these routes connects to the tenant's database. */
import * as v from 'valibot';
import { type MessageState, messageStates } from '../../engine/message-search.ts';
import { foldedError } from '../../fleet/messages/errors.ts';
import type { MessageDetails, MessagePage } from '../../fleet/messages/search.ts';
import { json, Refusal } from '../answer.ts';
import { definedOf, filterText, messageId, text } from '../parameters.ts';
import { type Route, route } from '../route.ts';

const place = '/api/tenants/:tenant/messages/:queue';

/** A message whose content is masked until it is asked for. Its errors are without what may be parts of the payload. */
export type MaskedMessage = Omit<MessageDetails, 'payload' | 'headers'>;
export type MessageContent = Pick<MessageDetails, 'payload' | 'headers' | 'lastError' | 'firstError'>;
export type { MessagePage, MessageState };

function masked<Message extends Pick<MessageDetails, 'lastError' | 'firstError'>>(message: Message): Message {
  const { lastError, firstError } = message;
  return {
    ...message,
    lastError: lastError && foldedError(lastError),
    firstError: firstError && foldedError(firstError),
  };
}

export const messageRoutes: readonly Route[] = [
  route({
    name: 'messages.list',
    method: 'GET',
    path: place,
    rights: ['look'],
    touches: 'tenant',
    parameters: v.strictObject({
      state: v.optional(v.picklist(messageStates)),
      topic: filterText,
      orderingKey: filterText,
      correlationId: filterText,
      dedupKey: filterText,
      source: filterText,
      errorText: filterText,
      cursor: v.optional(v.pipe(v.string(), v.regex(/^[a-z-]{1,20}\.\d{1,16}\.-?\d{0,15}$/))),
    }),
    async handle({ multiOutbox }, { tenant: tenantId, queue, state, cursor, ...rest }) {
      const states: readonly MessageState[] | undefined = state && [state];
      const filter = { ...definedOf(rest), ...(states && { states }) };
      const page = await multiOutbox.messages.list({
        tenantId,
        queue: queue as 'outbox',
        filter,
        limit: 100,
        ...(cursor !== undefined && { cursor }),
      });
      return json({ ...page, messages: page.messages.map(masked) } satisfies MessagePage);
    },
  }),
  route({
    name: 'messages.show',
    method: 'GET',
    path: `${place}/:message`,
    rights: ['look'],
    touches: 'tenant',
    async handle({ multiOutbox }, { tenant: tenantId, queue, message }) {
      const found = await multiOutbox.messages.show({
        tenantId,
        queue: queue as 'outbox',
        messageId: message,
      });
      const { payload: _payload, headers: _headers, ...rest } = found ?? notFound();
      return json(masked(rest) satisfies MaskedMessage);
    },
  }),
  route({
    name: 'messages.payload',
    // It writes a row to the record of acts.
    method: 'POST',
    path: `${place}/:message/payload`,
    rights: ['payload'],
    touches: 'tenant',
    async handle({ multiOutbox, operator }, { tenant: tenantId, queue, message }) {
      const found = await multiOutbox.messages.show({
        tenantId,
        queue: queue as 'outbox',
        messageId: message,
        by: operator.actor,
      });
      const { payload, headers, lastError, firstError } = found ?? notFound();
      return json({ payload, headers, lastError, firstError } satisfies MessageContent);
    },
  }),
  ...(
    [
      [
        'messages.act',
        'act',
        'act',
        v.strictObject({ act: v.picklist(['replay', 'reschedule']), delay: v.optional(text(20)) }),
      ],
      [
        'messages.destroy',
        'destroy',
        'destroy',
        v.strictObject({ act: v.picklist(['discard', 'cancel']), reason: v.optional(text(400)) }),
      ],
    ] as const
  ).map(([name, segment, right, { entries }]) =>
    route({
      name,
      method: 'POST',
      path: `${place}/${segment}`,
      rights: [right],
      touches: 'tenant',
      parameters: v.strictObject({
        ...entries,
        messages: v.pipe(
          v.array(v.strictObject({ messageId, version: v.optional(text(200)) })),
          v.minLength(1),
          v.maxLength(100),
        ),
      }),
      async handle({ multiOutbox, operator, snapshots }, { tenant: tenantId, queue, messages, ...how }) {
        const request = { ...definedOf(how), tenantId, queue: queue as 'outbox', by: operator.actor };
        const targets = messages.map(({ messageId: id, version }) => ({
          messageId: id,
          ...definedOf({ version }),
        }));
        const result = await multiOutbox.messages.act({ ...request, messages: targets } as never);
        await snapshots.changedTenant(tenantId);
        return json(result);
      },
    }),
  ),
  route({
    name: 'messages.edit',
    method: 'POST',
    path: `${place}/:message/edit`,
    // It shows the payload before and after, and the old message is cancelled for good.
    rights: ['payload', 'destroy'],
    touches: 'tenant',
    parameters: v.strictObject({
      version: text(200),
      payload: v.string(),
      headers: v.optional(v.record(text(200), v.pipe(v.string(), v.maxLength(8_000)))),
      reason: v.optional(v.pipe(text(300), v.minLength(1))),
    }),
    async handle({ multiOutbox, operator, snapshots }, { tenant: tenantId, queue, message, ...edit }) {
      const result = await multiOutbox.messages.edit({
        ...definedOf(edit),
        tenantId,
        queue: queue as 'outbox',
        messageId: message,
        by: operator.actor,
      });
      await snapshots.changedTenant(tenantId);
      return json(result);
    },
  }),
];

function notFound(): never {
  throw new Refusal(
    404,
    'MESSAGE_NOT_FOUND',
    'There is no such message; it may have been removed after the retention period.',
  );
}
