import { Link, type Place } from '../location.tsx';

const pageSize = 100;

interface NextPageProps {
  place: Place;
  /** The rows of this page have such ids; the next page begins behind the last of them. */
  rows: readonly { readonly id: string }[];
}

/** Leads to the next page where this one is full, and back to the first. */
export function NextPage({ place: { path, query }, rows }: NextPageProps) {
  const isFull = rows.length === pageSize;
  if (!isFull && query.before === undefined) return null;
  return (
    <p class="pager">
      {query.before !== undefined && (
        <Link to={path} query={{ ...query, before: undefined }} class="button">
          First page
        </Link>
      )}
      {isFull && (
        <Link to={path} query={{ ...query, before: rows.at(-1)!.id }} class="button">
          Next 100
        </Link>
      )}
    </p>
  );
}
