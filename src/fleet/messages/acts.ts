/** What operators do to chosen messages: one, or a selection. */
import {
  type ActName,
  actStates,
  type MessageAct,
  type MessageTarget,
  reasonCharacters,
  stateOf,
} from '../../engine/message-search.ts';
import type { QueueName, WorkQueue } from '../../engine/work-queue.ts';
import { isList, MultiOutboxError, readable, shownValue } from '../../errors.ts';
import type { HandlerSet } from '../../queue/handler-set.ts';
import { newMessage } from '../../queue/message.ts';
import { checkPayload } from '../../queue/message-view.ts';
import { longestDelayMs } from '../../queue/retry.ts';
import type { DurationInput } from '../../settings.ts';
import { checkId, durationOf, type MessagePlace, mostTargets, refusal } from './selection.ts';

/** What an act does, and to which messages it applies. */
export interface ActDefinition {
  /**
   * `replay`: Dead messages become Ready and due now, with attempts reset and history kept. `discard`: Dead messages are
   * deleted. `cancel`: Ready and Dead messages end without being run, and are kept for the retention period with the
   * reason. `reschedule`: Ready messages are due after `delay`.
   */
  readonly act: ActName;
  /** Why a message is cancelled; stored with it. At most 400 characters. Default: 'Cancelled by an operator.' */
  readonly reason?: string;
  /** The time until a rescheduled message is due: milliseconds, or text such as '5m'. */
  readonly delay?: DurationInput;
}

/** An act on chosen messages of one queue. */
export interface ActRequest extends MessagePlace, ActDefinition {
  /** At most 1,000, by id. With the `version` of a listed message, it is changed only while it is as it was listed. */
  readonly messages: readonly (string | Pick<MessageTarget, 'messageId' | 'version'>)[];
}

/** The result of an act; plain JSON. */
export interface ActResult {
  readonly act: ActName;
  readonly tenantId: string;
  readonly queue: QueueName;
  /** The ids of the messages that were changed. */
  readonly changed: readonly string[];
  /** The ids of those that are gone, are in another state, or were given with a version that is no longer theirs. */
  readonly unchanged: readonly string[];
}

/** Replaces one message that is Ready or Dead. */
export interface EditRequest extends MessagePlace {
  readonly messageId: string;
  /** The version of the message as it was read. Without it, only the message's state is checked. */
  readonly version?: string;
  /** As of `enqueue`: text is stored unchanged, any other value as JSON. Default: the old message's. */
  readonly payload?: unknown;
  /** Default: the old message's. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The time until the new message is due. Default: at once. */
  readonly delay?: DurationInput;
  /** Why the message was replaced; stored with the old one. At most 300 characters. */
  readonly reason?: string;
}

/** The result of an edit; plain JSON. */
export interface EditResult {
  readonly tenantId: string;
  readonly queue: QueueName;
  /** The old message's id: it is cancelled now. */
  readonly replaced: string;
  /** The new message's id. */
  readonly messageId: string;
  /** Whether a handler's schema accepted the new payload; false when no handler with a schema takes the topic. */
  readonly schemaChecked: boolean;
}

export function actOf(call: string, { act, reason, delay }: ActDefinition): MessageAct {
  if (typeof act !== 'string' || !Object.hasOwn(actStates, act))
    throw refusal(call, `'act' must be one of ${Object.keys(actStates).join(', ')}, got ${shownValue(act)}`);
  if (reason !== undefined && act !== 'cancel') throw refusal(call, `'${act}' takes no reason; leave it out`);
  if (delay !== undefined && act !== 'reschedule')
    throw refusal(call, `'${act}' takes no delay; leave it out`);
  switch (act) {
    case 'replay':
    case 'discard':
      return { do: act };
    case 'cancel':
      return { do: act, reason: reasonOf(call, reason ?? 'Cancelled by an operator.', reasonCharacters) };
    case 'reschedule':
      if (delay === undefined)
        throw refusal(call, "'reschedule' needs a delay, such as '5m'; 0 makes messages due now");
      return { do: act, delayMs: delayOf(call, delay) };
  }
}

function delayOf(call: string, delay: DurationInput): number {
  const delayMs = durationOf(call, 'delay', delay);
  if (delayMs <= longestDelayMs) return delayMs;
  throw refusal(call, `'delay' must be at most 10 years, got ${shownValue(delay)}`);
}

export function reasonOf(call: string, reason: string, most: number): string {
  if (typeof reason === 'string' && reason.trim() !== '' && reason.length <= most && reason.isWellFormed())
    return reason.replace(/\p{Cc}+/gu, ' ');
  throw refusal(call, `'reason' must be text of 1 to ${most} characters`);
}

export function targetsOf(call: string, messages: ActRequest['messages']): MessageTarget[] {
  if (!isList(messages) || messages.length > mostTargets)
    throw refusal(call, `'messages' must be a list of at most ${mostTargets} ids`);
  const targets = new Map<string, MessageTarget>();
  for (const given of messages as ActRequest['messages']) {
    const isTarget = typeof given === 'object' && given !== null;
    const read = () => (isTarget ? { ...given } : { messageId: given });
    const { messageId, version } = readable(`${call}: a message in 'messages'`, read);
    checkId(call, messageId);
    if (version !== undefined && typeof version !== 'string')
      throw refusal(call, `a message's version must be text, got ${shownValue(version)}`);
    const id = messageId.toLowerCase();
    targets.set(id, { messageId: id, ...(version !== undefined && { version }) });
  }
  return [...targets.values()];
}

/** @throws INVALID_ARGUMENT, INVALID_MESSAGE, MESSAGE_NOT_FOUND, MESSAGE_CHANGED */
export async function editMessage(
  call: string,
  queue: WorkQueue,
  handlers: HandlerSet | undefined,
  { tenantId, messageId, version, payload, headers, delay = 0, reason }: EditRequest,
): Promise<EditResult> {
  checkId(call, messageId);
  if (payload === undefined && headers === undefined)
    throw refusal(
      call,
      "give a 'payload' or 'headers'; to run the same message again, replay or reschedule it",
    );
  const delayMs = delayOf(call, delay);
  const why = reason === undefined ? '' : `: ${reasonOf(call, reason, reasonCharacters - 100)}`;
  const old = await queue.get(messageId);
  if (old === null)
    throw new MultiOutboxError(
      'MESSAGE_NOT_FOUND',
      `${call}: tenant '${tenantId}' has no message '${messageId}' in its ${queue.name}; check the id, the tenant and the queue.`,
      { tenantId },
    );
  if ((payload === undefined || headers === undefined) && old.unreadable !== undefined)
    throw refusal(
      call,
      `the message cannot be read (${old.unreadable}), so nothing of it can be kept; give a payload and headers`,
    );
  const fresh = newMessage(
    {
      topic: old.topic,
      payload: payload === undefined ? old.payload : payload,
      headers: headers ?? old.headers,
    },
    { verb: 'replaced' },
  );
  const handler = handlers?.find(old.topic, old.source);
  const schemaChecked = handler?.schema !== undefined;
  if (handler?.schema !== undefined)
    await checkPayload(handler.schema, { ...old, payload: fresh.payload, attempt: 1 });
  const isReplaced = await queue.replace({
    target: { messageId: old.messageId, ...(version !== undefined && { version }) },
    messageId: fresh.messageId,
    payload: fresh.payload,
    headers: fresh.headers ?? {},
    delayMs,
    reason: `Replaced by message ${fresh.messageId}${why}`,
  });
  if (!isReplaced)
    throw messageChanged(call, tenantId, messageId, stateOf((await queue.get(messageId)) ?? old));
  return { tenantId, queue: queue.name, replaced: old.messageId, messageId: fresh.messageId, schemaChecked };
}

function messageChanged(call: string, tenantId: string, messageId: string, state: string): MultiOutboxError {
  const advice =
    state === 'ready' || state === 'dead'
      ? 'it has changed since it was read; read it again'
      : state === 'claimed'
        ? 'it is in flight; wait until its attempt has ended, and read it again'
        : `it is ${state}, and only a Ready or Dead message can be replaced`;
  return new MultiOutboxError(
    'MESSAGE_CHANGED',
    `${call}: message '${messageId}' was not replaced: ${advice}.`,
    {
      tenantId,
    },
  );
}
