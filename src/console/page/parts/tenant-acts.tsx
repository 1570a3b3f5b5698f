import type { TenantRow } from '../../tenants/tenant-row.ts';
import { act } from '../api.ts';
import { ActButton } from './act-button.tsx';

/** What can be done with a tenant without its database. */
export function TenantActs({ row, onDone }: { row: TenantRow; onDone: () => void }) {
  const path = `/api/tenants/${encodeURIComponent(row.id)}`;
  const run = (name: string, done: string) => async () => {
    await act(`${path}/${name}`);
    return done;
  };
  return (
    <span class="acts">
      {row.status === 'active' && (
        <>
          <ActButton label="Wake" right="act" run={run('wake', 'It is due now.')} onDone={onDone}>
            <p>{row.id} becomes due now: the next plan of a host dispatches it.</p>
          </ActButton>
          <ActButton label="Pause" right="act" run={run('pause', 'It is paused.')} onDone={onDone}>
            <p>{row.id} is no longer dispatched, until somebody resumes it. Its messages stay.</p>
          </ActButton>
        </>
      )}
      {row.status === 'paused' && (
        <ActButton
          label="Resume"
          right="act"
          run={run('resume', 'It is active, and due now.')}
          onDone={onDone}
        >
          <p>{row.id} is dispatched again, at once.</p>
        </ActButton>
      )}
    </span>
  );
}
