/**
 * A run's calls: begin and settle, one round trip each (Q8, Q9).
 *
 * When the answer to a call is lost, the call may or may not have been committed. So every call has an id, which the
 * lease's row keeps. When the call is sent again with the same id, the procedure finds out from that row and from the
 * fence of settled rows what the first try did, and reconstructs its answer. For this, the class remembers the messages
 * in flight: all other messages that are claimed under the fence are those of the lost answer.
 */
import { randomUUID } from 'node:crypto';
import type { LeaseRef } from '../../lease-store.ts';
import type { SettledMessage } from '../../message.ts';
import { storedCounts } from '../../stored-counts.ts';
import type {
  BeginRequest,
  BeginResult,
  Claim,
  ClaimLimits,
  Parked,
  QueueName,
  Retention,
  SettleRequest,
  SettleResult,
  StoredCounts,
} from '../../work-queue.ts';
import { queueLeaseName } from '../../work-queue.ts';
import {
  bigint,
  bit,
  type Database,
  int,
  longText,
  type Parameters,
  type Row,
  text,
  uuid,
} from '../database.ts';
import { leftMs } from '../lease-store.ts';
import { keptError, wholeMs } from '../text.ts';
import { KnownQueue } from './known-queue.ts';
import { type ClaimRow, claimedMessage, tableOf } from './records.ts';

/** A call whose answer is still unknown. The same request, sent again, continues to ask for it. */
interface Unanswered {
  readonly request: string;
  readonly callId: string;
}

/** The record sets of an answer. */
interface CallAnswer {
  readonly callId: string;
  readonly header: Row;
  readonly unmatched: readonly Row[];
  readonly messages: readonly Row[];
  readonly counts?: Row | undefined;
  readonly countError?: unknown;
}

/** The part of a work queue that a run uses. */
export class RunCalls {
  readonly name: QueueName;
  protected readonly database: Database;
  protected readonly table: string;
  #known = new KnownQueue(0);
  #unanswered: Unanswered | null = null;
  /** Where the server's walks over the topics go on: texts of its own. */
  #throttledAfter: string | null = null;
  #parkedAfter: string | null = null;

  constructor(database: Database, name: QueueName) {
    this.name = name;
    this.database = database;
    this.table = tableOf[name];
  }

  async begin(request: BeginRequest): Promise<BeginResult> {
    const { owner, durationMs, context, claim } = request;
    const sentAt = performance.now();
    const { header, callId, messages, ...counted } = await this.#call(
      'Begin',
      JSON.stringify(['begin', request]),
      {
        Owner: [text, owner],
        LeaseMs: [bigint, wholeMs(durationMs)],
        Limit: [int, claim.limit],
        MaxBytes: [bigint, claim.maxBytes],
        Context: [text, context?.toWellFormed() ?? null],
        ...retention(request.retention),
        ...rooms(claim),
        ...(request.handled !== undefined && {
          Handled: [longText, JSON.stringify(request.handled)] as const,
        }),
        ...walk('ThrottledAfter', this.#throttledAfter),
        ...walk('ParkedAfter', this.#parkedAfter),
      },
    );
    if (header.Lease === 'leased-elsewhere') {
      return {
        status: 'leased-elsewhere',
        owner: (header.Owner as string | null) ?? '',
        expiresInMs: leftMs(header.ExpiresInMs),
      };
    }
    this.#throttledAfter = header.ThrottledAfter as string | null;
    this.#parkedAfter = header.ParkedAfter as string | null;
    const recovered = header.Recovered as number;
    const found = claimOf(header, messages, counted);
    const parked = parkedOf(header);
    if (header.Lease !== 'acquired') return { status: 'idle', ...found, recovered, parked };
    const fence = Number(header.Fence);
    this.#known = new KnownQueue(fence);
    this.#known.claimed(found, claim.limit, callId);
    this.#known.answered(header, null, sentAt);
    const acquisitionId = header.AcquisitionId as string;
    const lease = { name: queueLeaseName(this.name), owner, fence, acquisitionId };
    return { status: 'claimed', ...found, lease, expiresInMs: leftMs(header.ExpiresInMs), recovered, parked };
  }

  async settle(request: SettleRequest): Promise<SettleResult> {
    const { lease, outcomes, then } = request;
    const json = JSON.stringify(outcomes.map(outcomeOf));
    const errors = errorsOf(outcomes);
    const known = this.#known.fence === lease.fence ? this.#known : new KnownQueue(lease.fence);
    const { inFlight, fromUtc } = known;
    const lastCallId = known.lastCallId(request);
    const sentAt = performance.now();
    const {
      header,
      callId,
      messages,
      unmatched: unmatchedRows,
      ...counted
    } = await this.#call(
      'SettleAndClaim',
      JSON.stringify(['settle', lease, then]) + json,
      {
        Owner: [text, lease.owner],
        Fence: [bigint, lease.fence],
        AcquisitionId: [uuid, lease.acquisitionId],
        LeaseMs: [bigint, wholeMs(request.leaseMs)],
        Outcomes: [longText, json],
        ...(errors !== null && { Errors: [longText, errors] as const }),
        OnDead: [text, request.onDead],
        Then: [text, then.do],
        ...(then.do === 'claim' && {
          Solo: [bit, then.solo],
          Limit: [int, then.limit],
          MaxBytes: [bigint, then.maxBytes],
          ...(then.together !== undefined && { Together: [int, then.together] as const }),
          ...(lastCallId !== null && {
            LastCallId: [uuid, lastCallId] as const,
            Count: [int, outcomes.length] as const,
            Keyed: [bit, known.isKeyed] as const,
          }),
          ...rooms(then),
          ...walk('ThrottledAfter', this.#throttledAfter),
        }),
        ...retention(request.retention),
        ...(fromUtc !== null && { FromUtc: [text, fromUtc] as const }),
      },
      () => {
        const settled = new Set(outcomes.map(({ sequence }) => sequence));
        return {
          InFlight: [longText, JSON.stringify([...inFlight.keys()].filter((each) => !settled.has(each)))],
        };
      },
    );
    if (then.do === 'claim') this.#throttledAfter = header.ThrottledAfter as string | null;
    const found = claimOf(header, messages, counted);
    const unmatched = unmatchedRows.map(({ Sequence }) => Number(Sequence));
    for (const { sequence } of outcomes) inFlight.delete(sequence);
    if (then.do === 'claim') known.claimed(found, then.limit, callId);
    if (lastCallId !== null) known.tried(header.Short === true);
    known.answered(header, fromUtc, sentAt);
    if (header.Lease === 'lost') {
      return { ...found, lease: 'lost', expiresInMs: 0, more: false, nextDueInMs: null, unmatched };
    }
    return {
      ...found,
      lease: header.Lease as 'renewed' | 'released',
      expiresInMs: leftMs(header.ExpiresInMs),
      unmatched,
    };
  }

  /** Drops a message that another call has settled. */
  protected forget({ lease, sequence }: { lease: LeaseRef; sequence: number }): void {
    if (this.#known.fence === lease.fence) this.#known.settledElsewhere(sequence);
  }

  async #call(
    procedure: 'Begin' | 'SettleAndClaim',
    request: string,
    parameters: Parameters,
    again: () => Parameters = () => ({}),
  ): Promise<CallAnswer> {
    const repeated = this.#unanswered?.request === request;
    const callId = repeated ? this.#unanswered!.callId : randomUUID();
    const askAgain = (): Parameters => ({ Again: [bit, true], ...again() });
    this.#unanswered = { request, callId };
    let countError: unknown;
    const recordSets = await this.database.call(
      `${this.table}_${procedure}`,
      { ...parameters, CallId: [uuid, callId], ...(repeated && askAgain()) },
      {
        onLost: 'ask',
        again: askAgain,
        isAnswered: (sets, error) => {
          countError = error;
          // The messages come after the unmatched sequences, so these are complete.
          return sets[0]?.[0]?.Lease === 'released' && (procedure === 'Begin' || sets.length >= 3);
        },
      },
    );
    this.#unanswered = null;
    const [headers, unmatched = [], messages = []] = recordSets;
    const header = headers![0]!;
    const counts = recordSets.length > 1 ? recordSets.at(-1)![0] : undefined;
    const ended = countError === undefined ? { counts } : { countError };
    return { callId, header, unmatched, messages, ...(header.Lease === 'released' && ended) };
  }
}

function retention(given: Retention | undefined): Parameters {
  if (given === undefined || given.limit <= 0) return {};
  return { RetentionMs: [bigint, wholeMs(given.doneMs)], PurgeLimit: [int, given.limit] };
}

function rooms({ rooms: given }: ClaimLimits): Parameters {
  return given === undefined || given.length === 0 ? {} : { Rooms: [longText, JSON.stringify(given)] };
}

function walk(name: 'ThrottledAfter' | 'ParkedAfter', after: string | null): Parameters {
  return after === null ? {} : { [name]: [longText, after] };
}

function outcomeOf(outcome: SettledMessage): object {
  const { sequence, messageId, kind } = outcome;
  switch (outcome.kind) {
    case 'done':
      return { sequence, messageId, kind };
    case 'dead':
      return { sequence, messageId, kind, ...(outcome.unstarted === true && { unstarted: true }) };
    case 'retry':
    case 'release': {
      const delayMs = wholeMs(outcome.delayMs);
      const parked = outcome.kind === 'release' && outcome.parked === true ? { parked: true } : {};
      return { sequence, messageId, kind, ...(delayMs > 0 && { delayMs }), ...parked };
    }
    default:
      throw new TypeError(`there is no outcome '${(outcome satisfies never as SettledMessage).kind}'`);
  }
}

/** The errors by sequence, as JSON; null when there are none. */
function errorsOf(outcomes: readonly SettledMessage[]): string | null {
  const errors: Record<string, string> = {};
  for (const outcome of outcomes) {
    if (outcome.kind !== 'done' && outcome.error !== undefined)
      errors[outcome.sequence] = keptError(outcome.error);
  }
  return Object.keys(errors).length === 0 ? null : JSON.stringify(errors);
}

function claimOf(
  header: Row,
  rows: readonly Row[],
  { counts, countError }: Pick<CallAnswer, 'counts' | 'countError'>,
): Claim {
  const { NextDueInMs: next } = header;
  return {
    messages: (rows as unknown as ClaimRow[]).map(claimedMessage),
    more: header.More as boolean,
    nextDueInMs: next === null ? null : Number(next),
    purged: header.Purged as number,
    nowUtc: header.NowUtc as Date,
    throttled: header.Throttled as boolean,
    onlySolo: header.OnlySolo as boolean,
    ...(counts !== undefined && { stored: storedOf(counts) }),
    ...(countError !== undefined && { countError }),
  };
}

/** The most members of ordering groups that the procedure looks at (queue-counts.sql). */
const memberLimit = 10_000;

function storedOf(row: Row): StoredCounts {
  const count = (column: string) => row[column] as number;
  const { OldestDueAgeMs: age, Parked: parked } = row;
  return storedCounts(
    {
      unblocked: count('Unblocked'),
      due: count('Due'),
      throttled: count('Throttled'),
      members: count('Members'),
      blocked: count('Blocked'),
      dead: count('Dead'),
      oldestDueAgeMs: age === null ? null : Number(age),
      parked: parked === null ? [] : (JSON.parse(parked as string) as { topic: string; count: number }[]),
      isEmpty: row.IsEmpty as boolean,
    },
    memberLimit,
  );
}

function parkedOf({ ParkedTopics: json, ParkedMore: more }: Row): Parked {
  const topics = json === null ? [] : (JSON.parse(json as string) as { topic: string }[]);
  return { topics: topics.map(({ topic }) => topic), more: more as boolean };
}
