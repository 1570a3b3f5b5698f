import { age, fullTime } from '../format.ts';

interface AgeProps {
  utc: string | null;
  /** The time of which the page is true. */
  asOf: Date;
  /** What to show without a time. */
  none?: string;
  /** Follows the duration of a time that has passed, such as 'ago'. */
  past?: 'ago' | 'late';
}

/** How long ago a time was, or in how long it comes. */
export function Age({ utc, asOf, none = '–', past }: AgeProps) {
  if (utc === null) return <span class="faint">{none}</span>;
  const ms = asOf.getTime() - Date.parse(utc);
  return (
    <time dateTime={utc} title={fullTime(utc)}>
      {ms < 0 ? `in ${age(-ms)}` : past === undefined ? age(ms) : `${age(ms)} ${past}`}
    </time>
  );
}
