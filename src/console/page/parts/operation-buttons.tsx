import { useState } from 'preact/hooks';
import type { MessageState } from '../../routes/messages.ts';
import type { CreatedOperation } from '../../routes/operations.ts';
import { act } from '../api.ts';
import { counted } from '../format.ts';
import { addressOf, go } from '../location.tsx';
import { useRight } from '../rights.ts';
import { conditionTexts } from './condition-texts.ts';

interface OperationButtonsProps {
  filter: Readonly<Record<string, string>>;
  queue: string;
  /** Absent: all that match `q` and have dead messages. */
  tenants: readonly string[] | undefined;
  /** The filter of tenants that the page has. */
  q: string;
  /** The states that are searched; null for any. Default: dead ones. */
  state?: MessageState | null;
}

const buttons = [
  { act: 'replay', path: '/api/operations', right: 'act', title: 'Count and replay', states: ['dead'] },
  {
    act: 'discard',
    path: '/api/operations-destructive',
    right: 'destroy',
    title: 'Count and discard',
    states: ['dead'],
  },
  {
    act: 'cancel',
    path: '/api/operations-destructive',
    right: 'destroy',
    title: 'Count and cancel',
    states: ['dead'],
  },
] as const;

/** Messages of many databases are counted. */
const countingMinutes = 10;

/** Counts what matches, and leads to the operation, which begins only there. */
export function OperationButtons({ filter, queue, tenants, q, state = 'dead' }: OperationButtonsProps) {
  const [isCounting, setIsCounting] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const may = { act: useRight('act'), destroy: useRight('destroy') };
  const offered = buttons
    .filter(({ right }) => may[right])
    .map((button) => ({
      ...button,
      states: button.states.filter((each) => state === null || each === state),
    }))
    .filter(({ states }) => states.length > 0);
  const create =
    ({ path, act: name, states }: (typeof offered)[number]) =>
    async () => {
      setIsCounting(true);
      setProblem(null);
      try {
        const body = { act: name, queue, filter: { ...filter, states }, ...(tenants ? { tenants } : { q }) };
        const { operation } = await act<CreatedOperation>(path, body, { minutes: countingMinutes });
        go(addressOf(`/operations/${operation.id}`));
      } catch (error) {
        setProblem(error instanceof Error ? error.message : String(error));
      } finally {
        setIsCounting(false);
      }
    };
  if (offered.length === 0) return null;
  return (
    <p class="acts">
      {offered.map((button) => (
        <button
          key={button.act}
          type="button"
          class={button.right === 'destroy' ? 'danger' : ''}
          // Twice would be two operations.
          disabled={isCounting}
          onClick={create(button)}
        >
          {button.title} {button.states.join(' or ')}…
        </button>
      ))}
      <span class="faint">
        all such messages {whoseText(filter)}of{' '}
        {tenants !== undefined
          ? counted(tenants.length, 'tenant')
          : `all tenants that had dead messages after their last run${q === '' ? '' : ` and match “${q}”`}`}
      </span>
      {(isCounting || problem !== null) && <span role="status"> {isCounting ? 'Counting…' : problem}</span>}
    </p>
  );
}

function whoseText(filter: OperationButtonsProps['filter']): string {
  const conditions = conditionTexts(filter);
  return conditions.length === 0 ? '' : `whose ${conditions.join(' and whose ')} `;
}
