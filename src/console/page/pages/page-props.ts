import type { Place } from '../location.tsx';

export interface PageProps {
  place: Place;
  /** The names in the path, such as the tenant's. */
  names: Readonly<Record<string, string>>;
}
