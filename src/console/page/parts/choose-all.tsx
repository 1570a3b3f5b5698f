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
  const [isCounting, setIsCounting] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const choose = async () => {
    setIsCounting(true);
    setProblem(null);
    try {
      onChoose(await allThatMatch(q));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setIsCounting(false);
    }
  };
  return (
    <>
      <button type="button" class="quiet" disabled={isCounting} onClick={choose}>
        {q.trim() === '' ? 'Choose all tenants' : 'Choose all that match'}
      </button>
      {(isCounting || problem !== null) && <span role="status">{isCounting ? 'Counting…' : problem}</span>}
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
