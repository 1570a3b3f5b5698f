import type { ActedOnTenants, TenantActName } from '../../routes/many-tenants.ts';
import { act } from '../api.ts';
import { clock, count, counted } from '../format.ts';
import { ActButton } from './act-button.tsx';
import { actOnMany, batchSize } from './act-on-many.ts';
import type { Chosen } from './choose-all.tsx';

export interface ManyTenantsProps {
  chosen: Chosen;
  /** Whether acts are offered now; one that was begun is shown to its end. */
  when: boolean;
  onDone: () => void;
  onOpen: (isOpen: boolean) => void;
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

/** What can be done with many tenants without their databases. */
export function ManyTenantsActs({ chosen, when, onDone, onOpen }: ManyTenantsProps) {
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
            run={actOnMany(ids, done, (batch) =>
              act<ActedOnTenants>('/api/tenants-act', { act: name as TenantActName, ids: batch }),
            )}
            when={when}
            onDone={onDone}
            onOpen={onOpen}
          >
            <p>
              {counted(ids.length, `${of} tenant`)} {ids.length === 1 ? 'is' : 'are'} {effect}.
              {matchedText(chosen)}
            </p>
            <ByThisPage tenants={ids.length} />
          </ActButton>
        );
      })}
    </span>
  );
}

/** How many matched when all were chosen; empty for some of a page. */
export function matchedText({ matching }: Chosen): string {
  if (matching === null) return '';
  return ` ${counted(matching.tenants, 'tenant')} matched as of ${clock(matching.asOf)}.`;
}

export function ByThisPage({ tenants }: { tenants: number }) {
  if (tenants <= batchSize) return null;
  return <p>This page does it, {batchSize} at a time: it stops when you leave or close the page.</p>;
}
