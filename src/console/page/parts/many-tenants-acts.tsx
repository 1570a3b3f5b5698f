import type { ActedOnTenants, TenantActName } from '../../routes/many-tenants.ts';
import { act } from '../api.ts';
import { count, counted } from '../format.ts';
import { ActButton, type Run } from './act-button.tsx';
import type { Chosen } from './choose-all.tsx';

interface ManyTenantsActsProps {
  chosen: Chosen;
  onDone: () => void;
}

interface Words {
  readonly label: string;
  readonly of: 'active' | 'paused';
  readonly done: string;
  readonly effect: string;
}

const words: Readonly<Record<TenantActName, Words>> = {
  wake: {
    label: 'Wake',
    of: 'active',
    done: 'woken',
    effect: 'due now: the next plans of hosts dispatch them',
  },
  pause: {
    label: 'Pause',
    of: 'active',
    done: 'paused',
    effect: 'no longer dispatched, until somebody resumes them. Their messages stay',
  },
  resume: { label: 'Resume', of: 'paused', done: 'resumed', effect: 'dispatched again, at once' },
};

/** So many tenants are sent at once; the server takes no more. */
const batchSize = 100;

/** What can be done with many tenants without their databases. */
export function ManyTenantsActs({ chosen, onDone }: ManyTenantsActsProps) {
  return (
    <span class="acts">
      {Object.entries(words).map(([name, { label, of, done, effect }]) => {
        const ids = chosen[of];
        return (
          <ActButton
            key={name}
            label={`${label} ${count(ids.length)}`}
            right="act"
            disabled={ids.length === 0}
            run={runOn(name as TenantActName, ids, done)}
            onDone={onDone}
          >
            <p>
              {counted(ids.length, `${of} tenant`)} {ids.length === 1 ? 'is' : 'are'} {effect}.
              {chosen.matching !== null &&
                ` They are those of the ${count(chosen.matching)} that matched when they were counted.`}
            </p>
            {ids.length > batchSize && (
              <p>This page does it, {batchSize} at a time: it stops when you leave or close the page.</p>
            )}
          </ActButton>
        );
      })}
    </span>
  );
}

function runOn(name: TenantActName, ids: readonly string[], done: string): Run {
  return async (onProgress, signal) => {
    let changed = 0;
    const left: ActedOnTenants['left'][number][] = [];
    let at = 0;
    let why = '';
    try {
      for (; at < ids.length && !signal.aborted; at += batchSize) {
        if (ids.length > batchSize) onProgress({ done: at, of: ids.length });
        const batch = ids.slice(at, at + batchSize);
        const answer = await act<ActedOnTenants>('/api/tenants-act', { act: name, ids: batch });
        changed += answer.changed;
        left.push(...answer.left);
      }
    } catch (error) {
      if (at === 0) throw error;
      why = ` ${error instanceof Error ? error.message : String(error)}`;
    }
    const rest = ids.length - Math.min(at, ids.length);
    return [
      `${counted(changed, 'tenant')} ${done}.`,
      ...(rest > 0 ? [`Stopped: ${counted(rest, 'tenant')} not tried.${why}`] : []),
      ...reasonsOf(left),
    ].join(' ');
  };
}

/** The tenants that stayed, by reason, with the first of each. */
function reasonsOf(left: ActedOnTenants['left']): string[] {
  const reasons = new Map<string, string[]>();
  for (const { id, message } of left) reasons.set(message, [...(reasons.get(message) ?? []), id]);
  return [...reasons].map(
    ([message, ids]) =>
      `${counted(ids.length, 'tenant')} left (${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ' and others' : ''}): ${message}`,
  );
}
