import type { TenantRow } from '../../tenants/tenant-row.ts';
import { counted } from '../format.ts';

/** What is the matter with a tenant, in a word or two; nothing where all is well. */
export function Troubles({ row }: { row: TenantRow }) {
  const { failureStreak, failingTopics, parkedTopics, errorCode, unreadable, status } = row;
  return (
    <span class="badges">
      {status !== 'active' && <span class={`badge ${status === 'paused' ? 'warn' : ''}`}>{status}</span>}
      {failureStreak > 0 && (
        <span class="badge bad" title={`the last ${counted(failureStreak, 'run')} failed`}>
          {errorCode ?? 'failing'} ×{failureStreak}
        </span>
      )}
      {failingTopics > 0 && <span class="badge bad">{counted(failingTopics, 'topic')} failing</span>}
      {parkedTopics > 0 && <span class="badge warn">{counted(parkedTopics, 'topic')} parked</span>}
      {unreadable && <span class="badge bad">row unreadable</span>}
    </span>
  );
}
