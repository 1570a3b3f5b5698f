/** What the tables must have when a history has come to its end. */
import type { FleetSummary } from '../../src/engine/fleet-summary.ts';
import { type QueueName, queueNames } from '../../src/engine/work-queue.ts';
import type { Fault } from './faults.ts';
import type { MessageState } from './models/messages.ts';
import type { QueueModel } from './models/queue-model.ts';
import type { TenantModel } from './models/tenant-model.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

const tableOf: Readonly<Record<QueueName, string>> = { outbox: 'Outbox', inbox: 'Inbox' };
const stateOf: readonly MessageState[] = ['ready', 'claimed', 'done', 'dead'];

export function checkTenant(world: World, tenant: TenantModel): void {
  for (const queue of Object.values(tenant.queues)) {
    checkQueue(world, tenant, queue);
  }
  checkEffects(world, tenant);
}

interface Row {
  readonly MessageId: string;
  readonly Status: number;
  readonly Attempts: number;
  readonly LastError: string | null;
}

/** The table has what the model has: nothing is lost, invented or miscounted. */
function checkQueue(world: World, { file }: TenantModel, queue: QueueModel): void {
  const { name } = queue.options;
  const sql = `SELECT MessageId, Status, Attempts, LastError FROM ${tableOf[name]}`;
  const rows = world.databases.rows<Row>(file, sql);
  const known = new Map(rows.map((row) => [row.MessageId, row]));
  for (const row of rows) {
    if (!queue.messages.has(row.MessageId))
      broken('never invented', queue, `${row.MessageId} was not stored`);
  }
  for (const message of queue.messages.values()) {
    const row = known.get(message.messageId);
    const { sequence, state } = message;
    if (row === undefined) {
      const isPurged = state === 'done' && queue.options.mayPurge;
      if (!isPurged && state !== 'gone')
        broken('never lost', queue, `message ${sequence} (${state}) is gone`);
      continue;
    }
    if (stateOf[row.Status] !== state) {
      broken('the tables', queue, `message ${sequence} is ${stateOf[row.Status]}, but should be ${state}`);
    }
    if (state !== 'done' && row.Attempts !== message.attempts) {
      broken(
        'Q5 attempts',
        queue,
        `message ${sequence} has ${row.Attempts}, but should have ${message.attempts}`,
      );
    }
    if (state === 'dead' && row.LastError === null)
      broken('Dead for a reason', queue, `${sequence} has none`);
    if ((state === 'ready' || state === 'claimed') && !queue.isBlocked(message)) {
      broken('Q16 no wait', queue, `message ${sequence} is still ${state}`);
    }
  }
}

/** An effect in the tenant's own transaction happens exactly once (T1). */
function checkEffects(world: World, { id, file, queues }: TenantModel): void {
  const sql = 'SELECT MessageId, count(*) AS Count FROM SimulatedEffects GROUP BY MessageId';
  const rows = world.databases.rows<{ MessageId: string; Count: number }>(file, sql);
  const counts = new Map(rows.map(({ MessageId, Count }) => [MessageId, Count]));
  for (const message of queues.outbox.messages.values()) {
    const count = counts.get(message.messageId) ?? 0;
    const expected = message.inTransaction ? 1 : 0;
    if (count !== expected) {
      throw new Violation(
        'T1 once',
        `${id}: message ${message.sequence} had ${count} effects, not ${expected}`,
      );
    }
  }
}

interface StateRow {
  readonly Id: string;
  readonly Status: string;
  /** 1: the registry has forgotten the counts, because the tenant got another database then. */
  readonly IsForgotten: number;
  readonly Ready: number | null;
  readonly Dead: number | null;
  readonly CountedUtc: number | null;
}

/** A later count excuses what the registry has, and these make an answer so late that nobody can say when it was true. */
const lateAnswers: readonly Fault[] = [
  'answer is slow',
  'freezes after a call',
  'freezes until it is overtaken',
  'freezes in a handler',
  'line breaks after a slow answer',
];
/** Milliseconds that an answer is on its way without a fault. */
export const travelMs = 100;

/**
 * What the registry has of a queue is what its table has, if nothing has changed since its last count (S2); and the sums of
 * the fleet are those of the tenants (F6).
 */
export function checkRegistryCounts(world: World, fleet: FleetSummary): void {
  const { databases, registryFile, faults } = world;
  const sums = { ready: 0, dead: 0 };
  for (const name of queueNames) {
    const state = `${tableOf[name]}State`;
    const sql = `SELECT Id, Status, ${state} IS NULL AS IsForgotten, ${state} ->> '$.ready' AS Ready, ${state} ->> '$.dead' AS Dead, ${state}Utc AS CountedUtc FROM Tenants`;
    for (const row of databases.rows<StateRow>(registryFile, sql)) {
      const { Id, Status, IsForgotten, Ready, Dead, CountedUtc } = row;
      if (Status === 'retired' || CountedUtc === null) continue;
      if (IsForgotten === 1) {
        const { queues, hasMoved } = world.tenant(Id);
        if (!hasMoved) broken('S2 counts', queues[name], 'the registry has forgotten what a run has counted');
        continue;
      }
      sums.ready += Ready!;
      sums.dead += Dead!;
      const { queues, lateReportAt } = world.tenant(Id);
      const queue = queues[name];
      const countedAt = CountedUtc - (world.time.utc - world.time.now);
      const sinceChangeMs = countedAt - queue.changedAt;
      const isKnown =
        databases.clock(registryFile).steps === 0 &&
        !lateAnswers.some((each) => faults.mayStrike(each)) &&
        countedAt > lateReportAt;
      if (!isKnown || sinceChangeMs < travelMs) continue;
      const [ready, dead] = [queue.countIn('ready'), queue.countIn('dead')];
      if (Ready !== ready || Dead !== dead)
        broken(
          'S2 counts',
          queue,
          `the registry has ${Ready} ready and ${Dead} dead, but there are ${ready} and ${dead}`,
        );
    }
  }
  const { ready, dead, atLeast } = fleet.stored;
  if (atLeast.length === 0 && (ready !== sums.ready || dead !== sums.dead))
    throw new Violation(
      'F6 sums',
      `the fleet has ${ready} ready and ${dead} dead, its tenants ${sums.ready} and ${sums.dead}`,
    );
}

interface HeldLease {
  readonly Name: string;
  readonly Owner: string;
  readonly AcquisitionId: string;
  readonly RenewedUtc: number;
  readonly ExpiresUtc: number;
}

/**
 * The leases of a process that died, and those that their owner does not know it has (a restore brings back one that was
 * released), last until they run out.
 */
export function checkLeasesIn(world: World, owners: ReadonlySet<string>, file: string, label: string): void {
  const restoredAt = world.databases.restoredAt(file) ?? Number.NEGATIVE_INFINITY;
  const sql = 'SELECT Name, Owner, AcquisitionId, RenewedUtc, ExpiresUtc FROM Leases WHERE Owner IS NOT NULL';
  for (const { Name, Owner, AcquisitionId, RenewedUtc, ExpiresUtc } of world.databases.rows<HeldLease>(
    file,
    sql,
  )) {
    const isKnown =
      owners.has(Owner) && !world.unansweredAcquisitions.has(AcquisitionId) && RenewedUtc > restoredAt;
    if (isKnown && ExpiresUtc > world.databases.now(file)) {
      throw new Violation('L4 release', `${label}: ${Owner} still has the lease '${Name}'`);
    }
  }
}

function broken(invariant: string, queue: QueueModel, what: string): never {
  throw new Violation(invariant, `${queue.label}: ${what}`);
}
