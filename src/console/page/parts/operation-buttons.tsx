import { useState } from 'preact/hooks';
import type { CreatedOperation } from '../../routes/operations.ts';
import { act } from '../api.ts';
import { counted } from '../format.ts';
import { addressOf, go } from '../location.tsx';
import { useRight } from '../rights.ts';

interface OperationButtonsProps {
  filter: Readonly<Record<string, string>>;
  queue: string;
  /** Absent: all that match `q` and have dead messages. */
  tenants: readonly string[] | undefined;
  /** The filter of tenants that the page has. */
  q: string;
}

/** Counts what matches, and leads to the operation, which begins only there. */
export function OperationButtons({ filter, queue, tenants, q }: OperationButtonsProps) {
  const [state, setState] = useState<string | null>(null);
  const [mayAct, mayDestroy] = [useRight('act'), useRight('destroy')];
  const create = (path: string, name: string) => async () => {
    setState('Counting…');
    try {
      const body = { act: name, queue, filter, ...(tenants ? { tenants } : { q }) };
      const { operation } = await act<CreatedOperation>(path, body);
      go(addressOf(`/operations/${operation.id}`));
    } catch (error) {
      setState(error instanceof Error ? error.message : String(error));
    }
  };
  const words = Object.entries(filter).map(
    ([name, value]) => `${name === 'errorText' ? 'error contains' : name} “${value}”`,
  );
  return (
    <p class="acts">
      {mayAct && (
        <button type="button" onClick={create('/api/operations', 'replay')}>
          Count and replay…
        </button>
      )}
      {mayDestroy && (
        <button type="button" class="danger" onClick={create('/api/operations-destructive', 'discard')}>
          Count and discard…
        </button>
      )}
      {(mayAct || mayDestroy) && (
        <span class="faint">
          all dead messages {words.length > 0 && `whose ${words.join(' and ')}`} of{' '}
          {tenants !== undefined
            ? counted(tenants.length, 'tenant')
            : `all tenants that had dead messages after their last run${q === '' ? '' : ` and match “${q}”`}`}
        </span>
      )}
      {state !== null && <span role="status"> {state}</span>}
    </p>
  );
}
