import { useState } from 'preact/hooks';
import type { MatchingIds } from '../../routes/many-tenants.ts';
import { read } from '../api.ts';

/** Tenants to act on, by the status that says which acts fit. */
export interface Chosen {
  readonly active: readonly string[];
  readonly paused: readonly string[];
  /** How many matched when all were chosen, and when they were counted; null for some of a page. */
  readonly matching: { readonly tenants: number; readonly asOf: Date } | null;
}

/** Counts the tenants that match, and chooses them: exactly these, whatever matches later. */
export function ChooseAll({ q, onChoose }: { q: string; onChoose: (chosen: Chosen) => void }) {
  const [state, setState] = useState<string | null>(null);
  const choose = async () => {
    setState('Counting…');
    try {
      onChoose(await allThatMatch(q));
      setState(null);
    } catch (error) {
      setState(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <>
      <button type="button" class="quiet" onClick={choose}>
        {q.trim() === '' ? 'Choose all tenants' : 'Choose all that match'}
      </button>
      {state !== null && <span role="status">{state}</span>}
    </>
  );
}

async function allThatMatch(q: string): Promise<Chosen> {
  const [active, paused]: [string[], string[]] = [[], []];
  let matching: Chosen['matching'] = null;
  let after = '';
  do {
    const query: Record<string, string> = { q, after };
    const { data, asOf } = await read<MatchingIds>(
      '/api/tenants-matching',
      query,
      null,
      new AbortController().signal,
    );
    active.push(...data.active);
    paused.push(...data.paused);
    matching ??= { tenants: data.matching, asOf };
    after = data.next ?? '';
  } while (after !== '');
  return { active, paused, matching };
}
