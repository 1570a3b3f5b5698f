/** The requests of `messages`, and the names of their fields. */

import type { QueueName } from '../../engine/work-queue.ts';
import type { NamesOf } from '../../options.ts';
import type { ActDefinition, ActRequest, EditRequest } from './acts.ts';
import type { SearchBounds } from './search.ts';
import type { MessagePlace, MessageSelection } from './selection.ts';

/** Who acts, for the record of acts. */
export interface ActedBy {
  /** At most 200 characters. Default: the option `actor` of `createMultiOutbox`. */
  readonly by?: string;
}

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

export interface ShowRequest extends MessagePlace {
  readonly messageId: string;
  /** Who reads the payload, at most 200 characters: the record of acts then has a row about it. Default: none is written. */
  readonly by?: string;
}

/** Which Dead messages are grouped by their errors. The bounds are for each tenant; `examine` is 10,000 by default. */
export interface ErrorsRequest extends SearchBounds {
  /** Default: 'outbox'. */
  readonly queue?: QueueName;
  /** Default: every tenant that is not retired. */
  readonly tenants?: readonly string[];
  /** `states` is 'dead', whatever it says. */
  readonly filter?: MessageSelection;
  /** How many tenants are read at once. Default: 8. */
  readonly parallel?: number;
  /** An error of it is logged and changes nothing. */
  readonly onTenant?: (done: number, of: number) => void;
}

/** A page of a list whose latest entries come first. */
export interface LatestFirst {
  /** Default: 100; at most 1,000. */
  readonly limit?: number;
  /** The id of the last entry of the page before. */
  readonly before?: string;
}

export interface AuditRequest extends LatestFirst {
  readonly tenantId?: string;
  readonly operationId?: string;
}

const placeNames: NamesOf<MessagePlace> = { tenantId: true, queue: true };
const boundNames: NamesOf<SearchBounds> = { examine: true, timeoutMs: true };
const definitionNames: NamesOf<ActDefinition & ActedBy> = { act: true, reason: true, delay: true, by: true };
export const countNames: NamesOf<CountRequest> = { ...placeNames, ...boundNames, filter: true };
export const listNames: NamesOf<ListRequest> = { ...countNames, limit: true, cursor: true };
export const showNames: NamesOf<ShowRequest> = { ...placeNames, messageId: true, by: true };
export const actNames: NamesOf<ActRequest & ActedBy> = { ...placeNames, ...definitionNames, messages: true };
export const editNames: NamesOf<EditRequest & ActedBy> = {
  ...placeNames,
  messageId: true,
  version: true,
  payload: true,
  headers: true,
  delay: true,
  reason: true,
  by: true,
};
export const errorsNames: NamesOf<ErrorsRequest> = {
  ...boundNames,
  queue: true,
  tenants: true,
  filter: true,
  parallel: true,
  onTenant: true,
};
export const latestNames: NamesOf<LatestFirst> = { limit: true, before: true };
export const auditNames: NamesOf<AuditRequest> = { ...latestNames, tenantId: true, operationId: true };
