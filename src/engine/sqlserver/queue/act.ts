/** What operators do to messages that are not in flight: replay (Q13), discard, cancel, reschedule and replace. */
import type { MessageAct, MessageTarget, Replacement } from '../../message-search.ts';
import { bigint, bit, type Database, longText, text, uuid } from '../database.ts';
import { escapeNul, hasNul, wholeMs } from '../text.ts';
import { mayBeId } from './records.ts';

/** When the answer is lost, so are the ids: the call fails, and the caller looks again. */
export async function act(
  database: Database,
  table: string,
  request: MessageAct,
  targets: readonly MessageTarget[],
): Promise<string[]> {
  const listed = targets
    .filter(({ messageId }) => mayBeId(messageId))
    .map(({ messageId, version }) => ({ id: messageId, version }));
  const [rows] = await database.call(
    `${table}_Act`,
    {
      Act: [text, request.do],
      Targets: [longText, JSON.stringify(listed)],
      DelayMs: [bigint, request.do === 'reschedule' ? wholeMs(request.delayMs) : 0],
      Reason: [text, request.do === 'cancel' ? request.reason : null],
    },
    { onLost: 'give-up' },
  );
  return rows!.map(({ MessageId }) => (MessageId as string).toLowerCase());
}

export async function replace(
  database: Database,
  table: string,
  { target, messageId, payload, headers, delayMs, reason }: Replacement,
): Promise<boolean> {
  const escaped = hasNul(payload);
  const [rows] = await database.call(
    `${table}_Replace`,
    {
      MessageId: [uuid, target.messageId],
      NewMessageId: [uuid, messageId],
      Payload: [longText, escaped ? escapeNul(payload) : payload],
      PayloadEscaped: [bit, escaped],
      Headers: [longText, Object.keys(headers).length === 0 ? null : JSON.stringify(headers)],
      Version: [text, target.version ?? null],
      DelayMs: [bigint, wholeMs(delayMs)],
      Reason: [text, reason],
    },
    { onLost: 'give-up' },
  );
  return rows![0]!.Replaced === true;
}
