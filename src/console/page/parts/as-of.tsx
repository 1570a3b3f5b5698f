import { clock } from '../format.ts';
import { togglePause, usePaused } from '../polling.ts';

interface AsOfProps {
  asOf: Date | null;
  note?: string;
  /** The part is read when somebody asks, and does not renew itself. */
  once?: boolean;
}

/** The time of which the page is true, and whether it renews itself. */
export function AsOf({ asOf, note, once = false }: AsOfProps) {
  const paused = usePaused();
  return (
    <p class="as-of">
      {asOf !== null && (
        <>
          as of <time dateTime={asOf.toISOString()}>{clock(asOf)}</time>
        </>
      )}
      {note && <span class="note"> · {note}</span>}{' '}
      {!once && (
        <button type="button" class="quiet" aria-pressed={paused} onClick={togglePause} title="key: p">
          {paused ? 'paused' : 'live'}
        </button>
      )}
    </p>
  );
}

/** The time of a part that is read more seldom than the page's first part, beside its heading. */
export function PartAsOf({ asOf }: { asOf: Date | null }) {
  if (asOf === null) return null;
  return (
    <span class="as-of">
      as of <time dateTime={asOf.toISOString()}>{clock(asOf)}</time>
    </span>
  );
}
