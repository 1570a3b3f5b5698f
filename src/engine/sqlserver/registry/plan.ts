/** The plan (F3): reads due tenants under the plan lease, and commits the choice. */
import { leaseNameOf, type PlanRange } from '../../plan-range.ts';
import type { BeginPlan, BeginPlanResult, CommitPlan, PlanCandidate } from '../../registry.ts';
import { bigint, type Database, int, longText, type Row, text, uuid } from '../database.ts';
import { leftMs } from '../lease-store.ts';
import { wholeMs } from '../text.ts';
import { tenantRecord } from './rows.ts';

/** A plan of all tenants has no parameters for it. */
const ofRange = (range: PlanRange | undefined) =>
  range && { Range: [int, range.range] as const, Ranges: [int, range.of] as const };

const msOrNull = (value: unknown) => (value === null ? null : leftMs(value));

export async function beginPlan(
  database: Database,
  { owner, leaseMs, limit, order = 'longest-due', lookWithinMs, range }: BeginPlan,
): Promise<BeginPlanResult> {
  const [headers, rows = []] = await database.call(
    'Plan_Begin',
    {
      Owner: [text, owner],
      LeaseMs: [bigint, wholeMs(leaseMs)],
      Limit: [int, limit],
      OrderBy: [text, order],
      LookWithinMs: [bigint, lookWithinMs === undefined ? null : wholeMs(lookWithinMs)],
      ...ofRange(range),
    },
    // An owner that plans again gets a newer fence, which is just as valid.
    { onLost: 'repeat' },
  );
  const header = headers![0]!;
  if (header.Lease === 'leased-elsewhere') {
    return {
      status: 'leased-elsewhere',
      owner: (header.Owner as string | null) ?? '',
      expiresInMs: leftMs(header.ExpiresInMs),
    };
  }
  const previous = {
    sinceMs: msOrNull(header.SinceMs),
    unfinished: header.Unfinished as boolean,
    isFirstOfMinute: header.IsFirstOfMinute === 1,
  };
  if (header.Lease === 'released') {
    return { status: 'idle', previous, nextDueInMs: msOrNull(header.NextDueInMs) };
  }
  return {
    status: 'due',
    lease: {
      name: leaseNameOf(range),
      owner,
      fence: Number(header.Fence),
      acquisitionId: header.AcquisitionId as string,
    },
    previous,
    candidates: rows.map(candidate),
    due: header.Due as number,
  };
}

function candidate(row: Row): PlanCandidate {
  return {
    tenant: tenantRecord(row),
    planVersion: Number(row.PlanVersion),
    overdueMs: leftMs(row.OverdueMs),
    sincePlannedMs: msOrNull(row.SincePlannedMs),
    woken: row.WakePending as boolean,
  };
}

/**
 * When the answer is lost, the chosen tenants become due again after the redispatch time, as if their requests were
 * lost.
 */
export async function commitPlan(database: Database, plan: CommitPlan): Promise<string[]> {
  const { lease, choices, redispatchMs, range } = plan;
  const [rows] = await database.call(
    'Plan_Commit',
    {
      Owner: [text, lease.owner],
      Fence: [bigint, lease.fence],
      AcquisitionId: [uuid, lease.acquisitionId],
      Choices: [longText, JSON.stringify(choices)],
      RedispatchMs: [bigint, wholeMs(redispatchMs)],
      ...ofRange(range),
    },
    { onLost: 'give-up' },
  );
  const won = new Set(rows!.map((row) => row.TenantId as string));
  return choices.map(({ tenantId }) => tenantId).filter((tenantId) => won.delete(tenantId));
}
