import { clock, count, counted } from '../format.ts';
import { mostTenants } from '../operation-rules.ts';
import { ActButton } from './act-button.tsx';
import { beginOperation } from './begin-operation.ts';
import type { Chosen } from './choose-all.tsx';

export interface ManyTenantsProps {
  chosen: Chosen;
  /** Whether acts are offered now; one that was clicked is asked about all the same. */
  when: boolean;
  onOpen: (isOpen: boolean) => void;
}

interface Words {
  readonly label: string;
  readonly of: 'active' | 'paused';
  readonly effect: string;
}

const words: Readonly<Record<'wake' | 'pause' | 'resume', Words>> = {
  wake: {
    label: 'Wake',
    of: 'active',
    effect: 'due now: the next plans of hosts dispatch them',
  },
  pause: {
    label: 'Pause',
    of: 'active',
    effect: 'no longer dispatched, until somebody resumes them. Their messages stay',
  },
  resume: { label: 'Resume', of: 'paused', effect: 'dispatched again, at once' },
};

/** What can be done with many tenants without their databases. */
export function ManyTenantsActs({ chosen, when, onOpen }: ManyTenantsProps) {
  return (
    <span class="acts">
      {Object.entries(words).map(([name, { label, of, effect }]) => {
        const ids = chosen[of];
        return (
          <ActButton
            key={name}
            label={`${label} ${count(ids.length)}`}
            right="act"
            disabled={ids.length === 0 || ids.length > mostTenants}
            run={() => beginOperation('/api/operations-on-tenants', { act: name, tenants: ids })}
            when={when}
            onOpen={onOpen}
          >
            <p>
              {counted(ids.length, `${of} tenant`)} {ids.length === 1 ? 'is' : 'are'} {effect}.
              {matchedText(chosen)}
            </p>
            <ByOperation />
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

export function ByOperation() {
  return <p>An operation does it. Its page shows how far it is, and can stop it.</p>;
}
