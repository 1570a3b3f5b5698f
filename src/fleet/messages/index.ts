/** What operators see of messages, and do to them: the part `messages` of the library's interface. */

import { reasonCharacters } from '../../engine/message-search.ts';
import type { Registry } from '../../engine/registry.ts';
import type { QueueName, WorkQueue } from '../../engine/work-queue.ts';
import { describeError } from '../../errors.ts';
import { optionsOf } from '../../options.ts';
import type { HandlerSet } from '../../queue/handler-set.ts';
import { type CallbackLog, safeCallback } from '../../telemetry/safe-callback.ts';
import { inParallel } from '../in-parallel.ts';
import {
  type ActRequest,
  type ActResult,
  actOf,
  type EditRequest,
  type EditResult,
  editMessage,
  reasonOf,
  targetsOf,
} from './acts.ts';
import { type Audited, type AuditRow, actorOf, auditRow } from './audited.ts';
import { tenantsOf } from './counted-tenants.ts';
import { ErrorGrouping, type ErrorGroups, groupErrors } from './errors.ts';
import {
  type ActedBy,
  type AuditRequest,
  actNames,
  auditNames,
  type CountRequest,
  countNames,
  type ErrorsRequest,
  editNames,
  errorsNames,
  type ListRequest,
  listNames,
  type ShowRequest,
  showNames,
} from './requests.ts';
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
  auditIdOf,
  checkId,
  checkOperationId,
  messageFilter,
  placeOf,
  positionOf,
  queueOf,
  tenantIdsOf,
  wholeNumberOf,
} from './selection.ts';

/**
 * The messages of the tenants' queues, for operators. Results are plain JSON: times are ISO text, and 64-bit numbers are
 * text. Calls about messages connect to the tenants' databases, and so wake those that are paused. Each act has a row in the
 * registry's record, and is not done when that row cannot be written.
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
   * Groups the Dead messages of many tenants by their last error. A tenant that cannot be read is named in `failures`.
   * @throws INVALID_ARGUMENT, or the registry's error
   */
  errors(request?: ErrorsRequest): Promise<ErrorGroups>;
  /**
   * Replays, discards, cancels or reschedules chosen messages, in one transaction, and wakes the tenant. A message in
   * flight is never changed. @throws as `list`
   */
  act(request: ActRequest & ActedBy): Promise<ActResult>;
  /**
   * Replaces a message that is not in flight by one with another payload or other headers, in one transaction, and wakes
   * the tenant. The new message has a new id and the old one's place, topic, keys and source; the old one is kept as
   * cancelled. The handlers of this instance check the new payload.
   * @throws as `list`; INVALID_MESSAGE when the payload is refused; MESSAGE_NOT_FOUND; MESSAGE_CHANGED when the message is
   * in flight, has ended, or has another version
   */
  edit(request: EditRequest & ActedBy): Promise<EditResult>;
  /** The record of operators' acts, the latest first. @throws INVALID_ARGUMENT, or the registry's error */
  audit(request?: AuditRequest): Promise<AuditRow[]>;
}

export interface MessagesAccess {
  readonly registry: () => Promise<Registry>;
  /** Keeps the tenant's database open for as long as the action takes. */
  useQueue<T>(tenantId: string, queue: QueueName, action: (queue: WorkQueue) => Promise<T>): Promise<T>;
  /** Makes the tenant due now. If the registry does not answer, the wake is repeated later. Never throws (F7). */
  wake(tenantId: string): Promise<void>;
  readonly handlers: ReadonlyMap<QueueName, HandlerSet>;
  readonly audited: Audited;
  /** Who acts, unless a call says otherwise. */
  readonly actor: string;
  readonly callbackLog: CallbackLog;
}

/** The most entries of a page. */
const largestPage = 1_000;

function boundsOf(
  call: string,
  { examine, timeoutMs = 10_000 }: SearchBounds & { readonly examine: number },
) {
  return {
    examine: wholeNumberOf(call, 'examine', examine, 1, 1_000_000_000),
    timeoutMs: wholeNumberOf(call, 'timeoutMs', timeoutMs, 0, 600_000),
  };
}

export function createMessages(access: MessagesAccess): Messages {
  const { callbackLog, audited } = access;

  function searchOf(call: string, { filter: selection = {}, examine, timeoutMs, ...place }: CountRequest) {
    const filter = messageFilter(call, selection);
    const otherwise = filter.payloadText === undefined ? defaultExamine.others : defaultExamine.payloads;
    return {
      ...placeOf(call, place),
      filter,
      bounds: boundsOf(call, {
        examine: examine ?? otherwise,
        ...(timeoutMs !== undefined && { timeoutMs }),
      }),
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
      const { messageId, by, ...place } = optionsOf(call, request, showNames);
      const { tenantId, queue } = placeOf(call, place);
      checkId(call, messageId);
      const read = () =>
        access.useQueue(tenantId, queue, async (opened) => {
          // The version is read first: if the message changes in between, an act with that version is refused.
          const { messages } = await opened.find(
            { messageIds: [messageId] },
            { limit: 1, examine: 1, waits: true },
          );
          const record = await opened.get(messageId);
          const [found] = messages;
          return found === undefined || record === null
            ? null
            : messageDetails(tenantId, queue, found, record);
        });
      if (by === undefined) return read();
      return audited(
        {
          actor: actorOf(call, by, access.actor),
          act: 'payload-show',
          tenantId,
          queue,
          selection: { messageIds: [messageId] },
        },
        read,
        (details) => (details === null ? 0 : 1),
      );
    },
    async errors(request = {}) {
      const call = 'messages.errors';
      const given = optionsOf(call, request, errorsNames);
      const queue = queueOf(call, given.queue ?? 'outbox');
      const filter = { ...messageFilter(call, given.filter ?? {}), states: ['dead'] as const };
      const bounds = boundsOf(call, { ...given, examine: given.examine ?? defaultExamine.errors });
      const parallel = wholeNumberOf(call, 'parallel', given.parallel ?? 8, 1, 64);
      const onTenant = safeCallback(call, 'onTenant', given.onTenant, callbackLog);
      const chosen = given.tenants === undefined ? null : tenantIdsOf(call, given.tenants);
      const ids = await tenantsOf(await access.registry(), chosen);
      const grouping = new ErrorGrouping();
      const failures: ErrorGroups['failures'][number][] = [];
      const cut: ErrorGroups['cut'][number][] = [];
      let done = 0;
      await inParallel(ids, parallel, async (tenantId) => {
        try {
          const by = await access.useQueue(tenantId, queue, (opened) =>
            groupErrors(opened, tenantId, filter, bounds, grouping),
          );
          if (by !== null) cut.push({ tenantId, by });
        } catch (error) {
          failures.push({ tenantId, ...describeError(error) });
        }
        onTenant(++done, ids.length);
      });
      for (const list of [failures, cut]) list.sort((a, b) => (a.tenantId < b.tenantId ? -1 : 1));
      const tenants = ids.length - failures.length;
      return { groups: grouping.groups(), count: grouping.count, tenants, cut, failures };
    },
    async act(request) {
      const call = 'messages.act';
      const { messages, by, ...rest } = optionsOf(call, request, actNames);
      const { tenantId, queue } = placeOf(call, rest);
      const act = actOf(call, rest);
      const targets = targetsOf(call, messages);
      const actor = actorOf(call, by, access.actor);
      const { tenantId: _tenant, queue: _queue, act: _act, ...how } = rest;
      const selection = { ...how, messageIds: targets.map(({ messageId }) => messageId) };
      const changed = await audited(
        { actor, act: act.do, tenantId, queue, selection },
        async () =>
          targets.length === 0 ? [] : access.useQueue(tenantId, queue, (opened) => opened.act(act, targets)),
        ({ length }) => length,
      );
      // A cancelled or discarded message unblocks its ordering group.
      if (changed.length > 0) await access.wake(tenantId);
      const isChanged = new Set(changed.map((id) => id.toLowerCase()));
      const unchanged = targets.map(({ messageId }) => messageId).filter((id) => !isChanged.has(id));
      return { act: act.do, tenantId, queue, changed, unchanged };
    },
    async edit(request) {
      const call = 'messages.edit';
      const { by, ...given } = optionsOf(call, request, editNames);
      const { tenantId, queue } = placeOf(call, given);
      const { messageId, reason } = given;
      checkId(call, messageId);
      if (reason !== undefined) reasonOf(call, reason, reasonCharacters - 100);
      const edited = await audited(
        {
          actor: actorOf(call, by, access.actor),
          act: 'edit',
          tenantId,
          queue,
          selection: { messageIds: [messageId], ...(reason !== undefined && { reason }) },
        },
        () =>
          access.useQueue(tenantId, queue, (opened) =>
            editMessage(call, opened, access.handlers.get(queue), given),
          ),
        () => 1,
      );
      await access.wake(tenantId);
      return edited;
    },
    async audit(request = {}) {
      const call = 'messages.audit';
      const { limit = 100, before, tenantId, operationId } = optionsOf(call, request, auditNames);
      if (operationId !== undefined) checkOperationId(call, operationId);
      const rows = await (await access.registry()).audit.list({
        limit: wholeNumberOf(call, 'limit', limit, 1, largestPage),
        ...(before !== undefined && { before: auditIdOf(call, before) }),
        ...(tenantId !== undefined && { tenantId: placeOf(call, { tenantId }).tenantId }),
        ...(operationId !== undefined && { operationId: operationId.toLowerCase() }),
      });
      return rows.map(auditRow);
    },
  };
}
