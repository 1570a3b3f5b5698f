import type { ComponentChildren } from 'preact';
import { Link } from '../location.tsx';

interface TileProps {
  title: string;
  value: string;
  tone?: 'bad' | 'warn' | undefined;
  /** The page that shows the same in detail. */
  to?: string;
  query?: Readonly<Record<string, string | undefined>>;
  children?: ComponentChildren;
}

export function Tile({ title, value, tone, to, query, children }: TileProps) {
  const shown = (
    <>
      <span class="tile-title">{title}</span>
      <span class="tile-value">{value}</span>
      <span class="tile-more">{children}</span>
    </>
  );
  const className = `tile ${tone ?? ''}`;
  if (to === undefined) return <div class={className}>{shown}</div>;
  return (
    <Link to={to} {...(query && { query })} class={className}>
      {shown}
    </Link>
  );
}
