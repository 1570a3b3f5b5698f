/** Checks of databases, ten by ten, so that the page shows how far they are and can stop. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Diagnosis } from '../routes/doctor.ts';
import { read } from './api.ts';
import type { Json } from './json.ts';

/** As many as the server takes at once. */
const batchSize = 10;

export interface Checks {
  readonly diagnoses: readonly Json<Diagnosis>[];
  /** When the last of them was checked; null before. */
  readonly asOf: Date | null;
  /** How many databases are checked, and of how many; null before the first click. */
  readonly progress: { readonly done: number; readonly of: number } | null;
  readonly state: 'idle' | 'running' | 'stopped' | 'done' | 'failed';
  /** Of the request that failed. */
  readonly error: string | null;
  /** @param ids tenants; none for only the registry */
  start(ids: readonly string[]): void;
  stop(): void;
}

type State = Omit<Checks, 'start' | 'stop'>;

const before: State = { diagnoses: [], asOf: null, progress: null, state: 'idle', error: null };

export function useChecks(): Checks {
  const [state, setState] = useState(before);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const start = async (ids: readonly string[]) => {
    const controller = new AbortController();
    running.current?.abort();
    running.current = controller;
    const of = ids.length + 1;
    let diagnoses: readonly Json<Diagnosis>[] = [];
    let asOf: Date | null = null;
    const show = (now: State['state'], error: string | null = null) =>
      setState({ diagnoses, asOf, progress: { done: diagnoses.length, of }, state: now, error });
    show('running');
    try {
      for (let at = 0; at === 0 || at < ids.length; at += batchSize) {
        const batch = ids.slice(at, at + batchSize);
        const query: Record<string, string> = batch.length === 0 ? {} : { ids: batch.join(',') };
        const answer = await read<Json<Diagnosis>[]>('/api/doctor', query, null, controller.signal);
        // Every answer begins with the registry.
        diagnoses = [...diagnoses, ...(at === 0 ? answer.data : answer.data.slice(1))];
        asOf = answer.asOf;
        show('running');
      }
      show('done');
    } catch (error) {
      if (running.current !== controller) return;
      if (controller.signal.aborted) show('stopped');
      else show('failed', error instanceof Error ? error.message : String(error));
    }
  };
  return { ...state, start: (ids) => void start(ids), stop: () => running.current?.abort() };
}
