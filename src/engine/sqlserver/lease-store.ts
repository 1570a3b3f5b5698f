/** Leases in a SQL Server database (L1 to L3). */
import type {
  AcquireLease,
  AcquireResult,
  LeaseRecord,
  LeaseRef,
  LeaseStore,
  ListLeases,
  RenewResult,
} from '../lease-store.ts';
import { bigint, bit, type Database, int, text, uuid } from './database.ts';
import { wholeMs } from './text.ts';

interface LeaseRow {
  readonly Name: string;
  readonly Owner: string | null;
  readonly Fence: string;
  readonly AcquisitionId: string | null;
  readonly AcquiredUtc: Date | null;
  readonly RenewedUtc: Date | null;
  readonly ExpiresUtc: Date | null;
  readonly Context: string | null;
  readonly Held: boolean;
}

/** The remaining milliseconds of a lease, from a bigint column; 0 once it has run out. */
export function leftMs(value: unknown): number {
  return Math.max(0, Number(value));
}

export class SqlServerLeaseStore implements LeaseStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async acquire({ name, owner, durationMs, context }: AcquireLease): Promise<AcquireResult> {
    const [rows] = await this.#database.call(
      'Lease_Acquire',
      {
        Name: [text, name],
        Owner: [text, owner],
        LeaseMs: [bigint, wholeMs(durationMs)],
        Context: [text, context?.toWellFormed() ?? null],
      },
      // The call can be repeated: the same owner then gets a newer fence, which is just as valid.
      { onLost: 'repeat' },
    );
    const row = rows![0]!;
    const expiresInMs = leftMs(row.ExpiresInMs);
    if (row.Status === 'leased-elsewhere')
      return { status: 'leased-elsewhere', owner: (row.Owner as string | null) ?? '', expiresInMs };
    return {
      status: 'acquired',
      fence: Number(row.Fence),
      acquisitionId: row.AcquisitionId as string,
      expiresInMs,
      expiresUtc: row.ExpiresUtc as Date,
    };
  }

  async renew(lease: LeaseRef, durationMs: number): Promise<RenewResult> {
    const [rows] = await this.#database.call(
      'Lease_Renew',
      { ...reference(lease), LeaseMs: [bigint, wholeMs(durationMs)] },
      { onLost: 'repeat' },
    );
    const row = rows?.[0];
    if (row === undefined) return { status: 'lost' };
    return { status: 'renewed', expiresInMs: leftMs(row.ExpiresInMs), expiresUtc: row.ExpiresUtc as Date };
  }

  async release(lease: LeaseRef): Promise<boolean> {
    const [rows] = await this.#database.call('Lease_Release', reference(lease), {
      onLost: 'ask',
      again: () => ({ Again: [bit, true] }),
    });
    return rows![0]!.Released === 1;
  }

  async list({ name, after, limit, owned }: ListLeases = {}): Promise<LeaseRecord[]> {
    const [rows] = await this.#database.call(
      'Lease_List',
      {
        ...(name !== undefined && { Name: [text, name] as const }),
        ...(after !== undefined && { After: [text, after] as const }),
        ...(limit !== undefined && { Limit: [int, limit] as const }),
        ...(owned && { Owned: [bit, true] as const }),
      },
      { onLost: 'repeat' },
    );
    return (rows as unknown as LeaseRow[]).map((row) => ({
      name: row.Name,
      owner: row.Owner,
      fence: Number(row.Fence),
      acquisitionId: row.AcquisitionId,
      acquiredUtc: row.AcquiredUtc,
      renewedUtc: row.RenewedUtc,
      expiresUtc: row.ExpiresUtc,
      context: row.Context,
      held: row.Held,
    }));
  }
}

function reference({ name, owner, fence, acquisitionId }: LeaseRef) {
  return {
    Name: [text, name],
    Owner: [text, owner],
    Fence: [bigint, fence],
    AcquisitionId: [uuid, acquisitionId],
  } as const;
}
