/** The requests of `operations`, and their checks. */
import { type ActName, actStates } from '../../engine/message-search.ts';
import type { QueueName } from '../../engine/work-queue.ts';
import { shownValue } from '../../errors.ts';
import { type NamesOf, optionsOf } from '../../options.ts';
import { type ActDefinition, actOf } from '../messages/acts.ts';
import type { ActedBy } from '../messages/requests.ts';
import {
  type MessageSelection,
  messageFilter,
  queueOf,
  refusal,
  tenantIdsOf,
} from '../messages/selection.ts';
import type { Operation } from './operation.ts';
import { checkedTenantsAct, type TenantsActDefinition, tenantActs } from './tenant-acts.ts';

/** An act on all messages that match, in many tenants. */
export interface MessagesOperationRequest extends ActDefinition, ActedBy {
  readonly filter: MessageSelection;
  /** Default: 'outbox'. */
  readonly queue?: QueueName;
  /** Default: every tenant that is not retired, also those that are added before the operation comes to them. */
  readonly tenants?: readonly string[];
  /** Called while the messages are counted. An error of it is logged and changes nothing. */
  readonly onTenant?: (done: number, of: number) => void;
}

/** An act on many tenants. It works on exactly these, as each is when the operation comes to it. */
export type TenantsOperationRequest = TenantsActDefinition &
  ActedBy & { readonly tenants: readonly string[] };

export type OperationRequest = MessagesOperationRequest | TenantsOperationRequest;

export interface ResumeOptions extends ActedBy {
  readonly signal?: AbortSignal;
  readonly onProgress?: (operation: Operation) => void;
  /**
   * Called when this call has worked on a tenant, with how many of its messages it changed, also if it failed then. Of an
   * operation on tenants, 1 if it changed the tenant.
   */
  readonly onTenant?: (tenant: { readonly tenantId: string; readonly changed: number }) => void;
}

type Any = Partial<MessagesOperationRequest & { readonly overrides: unknown }>;

const names: NamesOf<Any> = {
  act: true,
  reason: true,
  delay: true,
  overrides: true,
  by: true,
  filter: true,
  queue: true,
  tenants: true,
  onTenant: true,
};
export const cancelNames: NamesOf<ActedBy> = { by: true };
export const resumeNames: NamesOf<ResumeOptions> = {
  by: true,
  signal: true,
  onProgress: true,
  onTenant: true,
};

interface OnMessagesChecked {
  readonly on: 'messages';
  readonly act: ActDefinition;
  readonly filter: MessageSelection;
  readonly queue: QueueName;
  readonly tenants: readonly string[] | null;
}

interface OnTenantsChecked {
  readonly on: 'tenants';
  readonly act: TenantsActDefinition;
  readonly tenants: readonly string[];
}

/** What a new operation is about. */
export type CheckedRequest = OnMessagesChecked | OnTenantsChecked;

/** The options of `operations.create`. @throws INVALID_ARGUMENT, INVALID_TENANT for an override outside its bounds */
export function checkedRequest(call: string, request: OperationRequest) {
  const given: Any = optionsOf(call, request as Any, names);
  const { by, onTenant, ...asked } = given;
  const { act } = given as { readonly act: unknown };
  if (typeof act === 'string' && Object.hasOwn(tenantActs, act))
    return { by, onTenant: undefined, checked: onTenants(call, given) };
  if (typeof act === 'string' && Object.hasOwn(actStates, act))
    return { by, onTenant, checked: onMessages(call, asked) };
  const known = [...Object.keys(actStates), ...Object.keys(tenantActs)].join(', ');
  throw refusal(call, `'act' must be one of ${known}, got ${shownValue(act)}`);
}

function onMessages(call: string, given: Any): OnMessagesChecked {
  const { reason, delay, filter = {}, queue = 'outbox', tenants } = given;
  const act: ActDefinition = {
    act: given.act as ActName,
    ...(reason !== undefined && { reason }),
    ...(delay !== undefined && { delay }),
  };
  takesNo(call, act.act, given, ['overrides']);
  actOf(call, act);
  messageFilter(call, filter);
  const checked: OnMessagesChecked = {
    on: 'messages',
    act,
    filter,
    queue: queueOf(call, queue),
    tenants: tenants === undefined ? null : sortedIds(call, tenants),
  };
  if (filter.payloadText !== undefined && checked.tenants?.length !== 1)
    throw refusal(call, "'payloadText' searches one tenant; name it in 'tenants'");
  return checked;
}

function onTenants(call: string, given: Any): OnTenantsChecked {
  const { tenants } = given;
  const name = given.act as unknown as TenantsActDefinition['act'];
  takesNo(call, name, given, ['reason', 'delay', 'filter', 'queue', 'onTenant']);
  if (tenants === undefined)
    throw refusal(call, `'tenants' is missing; give the ids of the tenants for '${name}'`);
  const act = checkedTenantsAct(call, name, given.overrides);
  return { on: 'tenants', act, tenants: sortedIds(call, tenants) };
}

/** An option of another act would be ignored. */
function takesNo(call: string, act: string, given: Any, others: readonly (keyof Any)[]): void {
  const odd = others.find((name) => given[name] !== undefined);
  if (odd !== undefined) throw refusal(call, `'${act}' takes no ${odd}; leave it out`);
}

/** Each once, and sorted, so that progress can name the last one that was tried. */
function sortedIds(call: string, tenants: readonly string[]): string[] {
  return [...new Set(tenantIdsOf(call, tenants))].sort();
}
