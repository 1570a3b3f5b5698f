import type { TenantRow } from '../../tenants/tenant-row.ts';
import { acted } from '../api.ts';
import { whenDispatched } from '../when-dispatched.ts';
import { ActButton } from './act-button.tsx';

/** What can be done with a tenant without its database. */
export function TenantActs({ row, onDone }: { row: TenantRow; onDone: () => void }) {
  const path = `/api/tenants/${encodeURIComponent(row.id)}`;
  const run = (name: string) => async () => {
    const { data, asOf } = await acted<TenantRow>(`${path}/${name}`);
    return whenDispatched(data, asOf);
  };
  return (
    <span class="acts">
      <ActButton label="Wake" right="act" when={row.status === 'active'} run={run('wake')} onDone={onDone}>
        <p>{row.id} becomes due now: the next plan of a host dispatches it.</p>
      </ActButton>
      <ActButton label="Pause" right="act" when={row.status === 'active'} run={run('pause')} onDone={onDone}>
        <p>{row.id} is no longer dispatched, until somebody resumes it. Its messages stay.</p>
      </ActButton>
      <ActButton
        label="Resume"
        right="act"
        when={row.status === 'paused'}
        run={run('resume')}
        onDone={onDone}
      >
        <p>{row.id} is dispatched again, at once.</p>
      </ActButton>
    </span>
  );
}
