/** The raw loop on a tenant's database: plain mssql, calling the same procedures as the engine. */
import { randomUUID } from 'node:crypto';
import mssql from 'mssql';
import type { RawMessage, RawTenant } from '../place.ts';
import { minimalStep } from './minimal-step.ts';

const owner = 'raw';
const leaseMs = 600_000;
const maxBytes = 16 * 1024 * 1024;

interface Row {
  readonly Sequence: string;
  readonly MessageId: string;
  readonly Topic: string;
  readonly Payload: string;
  readonly OrderingKey: string | null;
}

type Answer = readonly [
  [{ readonly Lease: string; readonly Fence: string; readonly AcquisitionId: string }],
  unmatched: unknown[],
  // Absent if another run has the lease.
  claimed?: Row[],
];

export function openRawTenant(pool: mssql.ConnectionPool, onClosed: () => void): RawTenant {
  let open: mssql.Transaction | undefined;
  let lastCallId: string | null = null;
  /** An id for the next call. */
  const newCallId = () => {
    lastCallId = randomUUID();
    return lastCallId;
  };
  const begin = async (batch: number) => {
    const request = new mssql.Request(pool)
      .input('Owner', mssql.NVarChar(200), owner)
      .input('LeaseMs', mssql.BigInt(), leaseMs)
      .input('Limit', mssql.Int(), batch)
      .input('MaxBytes', mssql.BigInt(), maxBytes)
      .input('CallId', mssql.UniqueIdentifier(), newCallId());
    return (await request.execute('messaging.Outbox_Begin')).recordsets as unknown as Answer;
  };
  return {
    async probe() {
      return (await begin(1))[0][0].Lease === 'acquired';
    },
    async drain(batch, handle) {
      const [[header], , first] = await begin(batch);
      let claimed = first ?? [];
      let total = 0;
      while (claimed.length > 0) {
        for (const { MessageId, Topic, Payload } of claimed)
          handle({ messageId: MessageId, topic: Topic, payload: Payload });
        total += claimed.length;
        const outcomes = claimed.map(({ Sequence, MessageId }) => ({
          sequence: Number(Sequence),
          messageId: MessageId,
          kind: 'done',
        }));
        const request = new mssql.Request(pool)
          .input('Owner', mssql.NVarChar(200), owner)
          .input('Fence', mssql.BigInt(), header.Fence)
          .input('AcquisitionId', mssql.UniqueIdentifier(), header.AcquisitionId)
          .input('LeaseMs', mssql.BigInt(), leaseMs)
          .input('Outcomes', mssql.NVarChar(mssql.MAX), JSON.stringify(outcomes))
          .input('Limit', mssql.Int(), batch)
          .input('MaxBytes', mssql.BigInt(), maxBytes)
          .input('LastCallId', mssql.UniqueIdentifier(), claimed.length === batch ? lastCallId : null)
          .input('Count', mssql.Int(), claimed.length)
          .input(
            'Keyed',
            mssql.Bit(),
            claimed.some(({ OrderingKey }) => OrderingKey !== null),
          )
          .input('CallId', mssql.UniqueIdentifier(), newCallId());
        const answer = (await request.execute('messaging.Outbox_SettleAndClaim'))
          .recordsets as unknown as Answer;
        claimed = answer[2] ?? [];
      }
      return total;
    },
    async drainMinimal(batch, handle, extra) {
      const step = await minimalStep(pool, extra);
      let total = 0;
      for (;;) {
        const claimed = await step(batch);
        if (claimed.length === 0) return total;
        for (const message of claimed) handle(message);
        total += claimed.length;
      }
    },
    async insert(messages) {
      const rows = messages.map(({ messageId, topic, payload }) => ({ messageId, topic, payload }));
      await (open === undefined ? new mssql.Request(pool) : new mssql.Request(open))
        .input('rows', mssql.NVarChar(mssql.MAX), JSON.stringify(rows satisfies RawMessage[]))
        .query(
          `INSERT messaging.Outbox (MessageId, Topic, EnqueuedUtc, DueUtc, Payload)
          SELECT messageId, topic, SYSUTCDATETIME(), SYSUTCDATETIME(), payload FROM OPENJSON(@rows)
          WITH (messageId uniqueidentifier '$.messageId', topic nvarchar(200) '$.topic', payload nvarchar(max) '$.payload')`,
        );
    },
    get connection() {
      return open;
    },
    async begin() {
      open = new mssql.Transaction(pool);
      await open.begin();
    },
    async commit() {
      await open!.commit();
      open = undefined;
    },
    async close() {
      // The pool waits for the connection of an open transaction.
      await open?.rollback().catch(() => {});
      await pool.close();
      onClosed();
    },
  };
}
