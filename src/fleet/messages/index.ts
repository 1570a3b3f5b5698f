/** What operators see of messages, and do to them: the part `messages` of the library's interface. */
import type { QueueName, WorkQueue } from '../../engine/work-queue.ts';
import { type NamesOf, optionsOf } from '../../options.ts';
import type { HandlerSet } from '../../queue/handler-set.ts';
import { actOnAll } from './act-on-all.ts';
import {
  type ActDefinition,
  type ActRequest,
  type ActResult,
  actOf,
  type EditRequest,
  type EditResult,
  editMessage,
  targetsOf,
} from './acts.ts';
import {
  countAll,
  defaultExamine,
  findPage,
  type MessageCount,
  type MessageDetails,
  type MessagePage,
  messageDetails,
  messagePage,
  type SearchBounds,
} from './search.ts';
import {
  checkId,
  type MessagePlace,
  type MessageSelection,
  messageFilter,
  placeOf,
  positionOf,
  wholeNumberOf,
} from './selection.ts';

export interface ListRequest extends MessagePlace, SearchBounds {
  readonly filter?: MessageSelection;
  /** Default: 100; at most 1,000. */
  readonly limit?: number;
  /** The cursor of the page before, read with the same filter. */
  readonly cursor?: string;
}

export interface CountRequest extends MessagePlace, SearchBounds {
  readonly filter?: MessageSelection;
}

export interface ActOnAllRequest extends MessagePlace, ActDefinition {
  /** `states` may name only states that the act changes. */
  readonly filter: MessageSelection;
}

export interface ShowRequest extends MessagePlace {
  readonly messageId: string;
}

/**
 * The messages of the tenants' queues, for operators. Results are plain JSON: times are ISO text, and 64-bit numbers are
 * text. Every call connects to the tenant's database, and so wakes one that is paused.
 */
export interface Messages {
  /**
   * Lists messages without their payloads, a page at a time. A filter by state, id, dedup key, or ordering key of waiting
   * messages follows an index; any other examines the queue from its newest message on, within the bounds.
   * @throws INVALID_ARGUMENT, UNKNOWN_TENANT, or the database's error
   */
  list(request: ListRequest): Promise<MessagePage>;
  /** Counts messages within the bounds. @throws as `list` */
  count(request: CountRequest): Promise<MessageCount>;
  /** One message with its payload and headers; null when it does not exist. @throws as `list` */
  show(request: ShowRequest): Promise<MessageDetails | null>;
  /**
   * Replays, discards, cancels or reschedules chosen messages, in one transaction, and wakes the tenant. A message in
   * flight is never changed. @throws as `list`
   */
  act(request: ActRequest): Promise<ActResult>;
  /**
   * The same on all messages that match, in batches. Messages that come to match meanwhile are left alone. @throws as `list`
   */
  actOnAll(request: ActOnAllRequest): Promise<{ readonly count: number }>;
  /**
   * Replaces a message that is not in flight by one with another payload or other headers, in one transaction, and wakes
   * the tenant. The new message has a new id and the old one's place, topic, keys and source; the old one is kept as
   * cancelled. The handlers of this instance check the new payload.
   * @throws as `list`; INVALID_MESSAGE when the payload is refused; MESSAGE_NOT_FOUND; MESSAGE_CHANGED when the message is
   * in flight, has ended, or has another version
   */
  edit(request: EditRequest): Promise<EditResult>;
}

export interface MessagesAccess {
  /** Keeps the tenant's database open for as long as the action takes. */
  useQueue<T>(tenantId: string, queue: QueueName, action: (queue: WorkQueue) => Promise<T>): Promise<T>;
  /** Makes the tenant due now. If the registry does not answer, the wake is repeated later. Never throws (F7). */
  wake(tenantId: string): Promise<void>;
  readonly handlers: ReadonlyMap<QueueName, HandlerSet>;
}

const placeNames: NamesOf<MessagePlace> = { tenantId: true, queue: true };
const boundNames: NamesOf<SearchBounds> = { examine: true, timeoutMs: true };
const countNames: NamesOf<CountRequest> = { ...placeNames, ...boundNames, filter: true };
const listNames: NamesOf<ListRequest> = { ...countNames, limit: true, cursor: true };
const showNames: NamesOf<ShowRequest> = { ...placeNames, messageId: true };
const actNames: NamesOf<ActRequest> = { ...placeNames, act: true, reason: true, delay: true, messages: true };
const actOnAllNames: NamesOf<ActOnAllRequest> = {
  ...placeNames,
  act: true,
  reason: true,
  delay: true,
  filter: true,
};
const editNames: NamesOf<EditRequest> = {
  ...placeNames,
  messageId: true,
  version: true,
  payload: true,
  headers: true,
  delay: true,
  reason: true,
};

/** The most messages of a page. */
const largestPage = 1_000;

export function createMessages(access: MessagesAccess): Messages {
  function searchOf(
    call: string,
    { filter: selection = {}, examine, timeoutMs = 10_000, ...place }: CountRequest,
  ) {
    const filter = messageFilter(call, selection);
    const otherwise = filter.payloadText === undefined ? defaultExamine.others : defaultExamine.payloads;
    return {
      ...placeOf(call, place),
      filter,
      bounds: {
        examine: wholeNumberOf(call, 'examine', examine ?? otherwise, 1, 1_000_000_000),
        timeoutMs: wholeNumberOf(call, 'timeoutMs', timeoutMs, 0, 600_000),
      },
    };
  }

  return {
    async list(request) {
      const call = 'messages.list';
      const { limit = 100, cursor, ...rest } = optionsOf(call, request, listNames);
      const { tenantId, queue, filter, bounds } = searchOf(call, rest);
      const page = {
        ...bounds,
        limit: wholeNumberOf(call, 'limit', limit, 1, largestPage),
        after: cursor === undefined ? null : positionOf(call, filter, cursor),
      };
      const found = await access.useQueue(tenantId, queue, (opened) => findPage(opened, filter, page));
      return messagePage(tenantId, queue, filter, found);
    },
    async count(request) {
      const call = 'messages.count';
      const { tenantId, queue, filter, bounds } = searchOf(call, optionsOf(call, request, countNames));
      return access.useQueue(tenantId, queue, (opened) => countAll(opened, filter, bounds));
    },
    async show(request) {
      const call = 'messages.show';
      const { messageId, ...place } = optionsOf(call, request, showNames);
      const { tenantId, queue } = placeOf(call, place);
      checkId(call, messageId);
      return access.useQueue(tenantId, queue, async (opened) => {
        // The version is read first: if the message changes in between, an act with that version is refused.
        const { messages } = await opened.find({ messageIds: [messageId] }, { limit: 1, examine: 1 });
        const record = await opened.get(messageId);
        const [found] = messages;
        return found === undefined || record === null ? null : messageDetails(tenantId, queue, found, record);
      });
    },
    async act(request) {
      const call = 'messages.act';
      const { messages, ...rest } = optionsOf(call, request, actNames);
      const { tenantId, queue } = placeOf(call, rest);
      const act = actOf(call, rest);
      const targets = targetsOf(call, messages);
      const changed =
        targets.length === 0
          ? []
          : await access.useQueue(tenantId, queue, (opened) => opened.act(act, targets));
      // A cancelled or discarded message unblocks its ordering group.
      if (changed.length > 0) await access.wake(tenantId);
      const unchanged = targets.map(({ messageId }) => messageId).filter((id) => !changed.includes(id));
      return { act: act.do, tenantId, queue, changed, unchanged };
    },
    async actOnAll(request) {
      const call = 'messages.actOnAll';
      const { filter: selection, ...rest } = optionsOf(call, request, actOnAllNames);
      const { tenantId, queue } = placeOf(call, rest);
      const act = actOf(call, rest);
      const filter = messageFilter(call, selection);
      const count = await access.useQueue(tenantId, queue, (opened) => actOnAll(opened, act, filter));
      if (count > 0) await access.wake(tenantId);
      return { count };
    },
    async edit(request) {
      const call = 'messages.edit';
      const given = optionsOf(call, request, editNames);
      const { tenantId, queue } = placeOf(call, given);
      const edited = await access.useQueue(tenantId, queue, (opened) =>
        editMessage(call, opened, access.handlers.get(queue), given),
      );
      await access.wake(tenantId);
      return edited;
    },
  };
}
