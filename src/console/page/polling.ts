/** Reads that are repeated while the page is seen, unless the operator has paused them. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, type Read, read } from './api.ts';
import type { Query } from './location.tsx';

type Listener = () => void;
const listeners = new Set<Listener>();
let pausedByKey = false;

export function togglePause(): void {
  pausedByKey = !pausedByKey;
  for (const listener of listeners) listener();
}

export function isPaused(): boolean {
  return pausedByKey;
}

export function usePaused(): boolean {
  const [paused, setPaused] = useState(pausedByKey);
  useEffect(() => {
    const update = () => setPaused(pausedByKey);
    listeners.add(update);
    return () => void listeners.delete(update);
  }, []);
  return paused;
}

export interface Polled<T> {
  /** Null until the first answer. */
  readonly data: T | null;
  readonly asOf: Date | null;
  /** Of the last read; the data of an earlier one stays. */
  readonly error: ApiError | null;
  refresh(): void;
}

interface Options {
  /** Milliseconds between two reads; null reads once. */
  readonly every?: number | null;
}

const usualMs = 5_000;

/** @param path null reads nothing */
export function usePolled<T>(
  path: string | null,
  query: Query = {},
  { every = usualMs }: Options = {},
): Polled<T> {
  const key = path === null ? null : `${path}?${new URLSearchParams(query)}`;
  const [state, setState] = useState<{ key: string | null; last: Read<T> | null; error: ApiError | null }>({
    key: null,
    last: null,
    error: null,
  });
  const lastRead = useRef<Read<T> | null>(null);
  const [round, setRound] = useState(0);
  const refresh = useCallback(() => setRound((number) => number + 1), []);

  useEffect(() => {
    if (path === null) return;
    const controller = new AbortController();
    let timer: number | undefined;
    let isReading = false;
    if (state.key !== key) lastRead.current = null;
    const readNow = async () => {
      window.clearTimeout(timer);
      if (isReading) return;
      isReading = true;
      try {
        const last = await read<T>(path, query, lastRead.current, controller.signal);
        lastRead.current = last;
        setState({ key, last, error: null });
      } catch (error) {
        if (controller.signal.aborted) return;
        const shown = error instanceof ApiError ? error : new ApiError(0, 'FAILED', String(error));
        setState({ key, last: lastRead.current, error: shown });
      } finally {
        isReading = false;
      }
      plan();
    };
    const plan = () => {
      if (every === null || controller.signal.aborted) return;
      timer = window.setTimeout(() => {
        if (!document.hidden && !pausedByKey) void readNow();
      }, every);
    };
    const resume = () => {
      if (every !== null && !document.hidden && !pausedByKey) void readNow();
    };
    void readNow();
    document.addEventListener('visibilitychange', resume);
    listeners.add(resume);
    return () => {
      controller.abort();
      window.clearTimeout(timer);
      document.removeEventListener('visibilitychange', resume);
      listeners.delete(resume);
    };
  }, [key, every, round]);

  const isOfKey = state.key === key;
  return {
    data: isOfKey ? (state.last?.data ?? null) : null,
    asOf: isOfKey ? (state.last?.asOf ?? null) : null,
    error: isOfKey ? state.error : null,
    refresh,
  };
}
