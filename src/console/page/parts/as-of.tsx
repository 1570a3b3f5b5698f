import { clock } from '../format.ts';
import { togglePause, usePaused } from '../polling.ts';

/** The time of which the page is true, and whether it renews itself. */
export function AsOf({ asOf, note }: { asOf: Date | null; note?: string }) {
  const paused = usePaused();
  return (
    <p class="as-of">
      {asOf !== null && (
        <>
          as of <time dateTime={asOf.toISOString()}>{clock(asOf)}</time>
        </>
      )}
      {note && <span class="note"> · {note}</span>}{' '}
      <button type="button" class="quiet" aria-pressed={paused} onClick={togglePause} title="key: p">
        {paused ? 'paused' : 'live'}
      </button>
    </p>
  );
}
