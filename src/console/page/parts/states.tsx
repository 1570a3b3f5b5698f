/** What a part of a page shows while there is nothing, or nothing new, to show. */
import type { ComponentChildren } from 'preact';
import { clock } from '../format.ts';
import type { Polled } from '../polling.ts';

interface PolledPartProps<T> {
  polled: Polled<T>;
  /** What is read, as in 'Reading the tenants'. */
  of: string;
  children: (data: T, asOf: Date) => ComponentChildren;
}

/** The part with its data; before the first answer what is read, and after an error what is wrong and how old the data is. */
export function PolledPart<T>({ polled, of, children }: PolledPartProps<T>) {
  const { data, asOf, error, refresh } = polled;
  if (data === null || asOf === null) {
    if (error === null)
      return (
        <p class="state" role="status">
          Reading {of}…
        </p>
      );
    return (
      <div class="state failed" role="alert">
        <p>{error.message}</p>
        <p>
          <code>{error.code}</code>{' '}
          <button type="button" onClick={refresh}>
            Try again
          </button>
        </p>
      </div>
    );
  }
  return (
    <>
      {error && (
        <p class="stale" role="alert">
          Shown as of {clock(asOf)}. Since then: {error.message}{' '}
          <button type="button" onClick={refresh}>
            Try again
          </button>
        </p>
      )}
      {children(data, asOf)}
    </>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="state empty">{children}</p>;
}
