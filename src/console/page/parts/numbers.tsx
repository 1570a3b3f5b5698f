import { count } from '../format.ts';

type Tone = 'bad' | 'warn' | 'plain';

interface CountProps {
  value: number | null | undefined;
  tone?: Tone;
  atLeast?: boolean;
}

/** A count in a table: none is faint, so that the others stand out. */
export function Count({ value, tone = 'plain', atLeast = false }: CountProps) {
  if (value === null || value === undefined) return <span class="faint">–</span>;
  if (value === 0) return <span class="faint">0</span>;
  return (
    <span class={`count ${tone}`} title={atLeast ? 'as many or more' : undefined}>
      {count(value, atLeast)}
    </span>
  );
}
