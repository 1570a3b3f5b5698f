/** The address of the page, which is its state: every view has one that can be sent to somebody else. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

const base = document.querySelector<HTMLMetaElement>('meta[name=console-base]')?.content ?? '';
const moved = 'console-moved';
/** Names this load of the page: the browser keeps the state of an address over a reload, and in a tab that it restores. */
const load = performance.timeOrigin;

export type Query = Readonly<Record<string, string>>;

export interface Place {
  /** Behind the base path, such as '/tenants'. */
  readonly path: string;
  readonly query: Query;
}

/** The address below the base path; empty and absent values are left out. */
export function addressOf(path: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value ? [[name, value] as [string, string]] : [],
  );
  const search = new URLSearchParams(given).toString();
  return `${base}${path}${search === '' ? '' : `?${search}`}`;
}

function present(): Place {
  const { pathname, search } = window.location;
  return { path: pathname.slice(base.length) || '/', query: Object.fromEntries(new URLSearchParams(search)) };
}

export function go(address: string, how: 'push' | 'replace' = 'push'): void {
  if (address === `${window.location.pathname}${window.location.search}`) return;
  if (how === 'push') window.history.pushState({ clickedIn: load }, '', address);
  else window.history.replaceState(window.history.state, '', address);
  window.dispatchEvent(new Event(moved));
  if (how === 'push') window.scrollTo(0, 0);
}

/**
 * Whether the operator has come here by a click in the console, and not by an address from elsewhere, a reload, or a tab that
 * was restored.
 */
export function wasClicked(): boolean {
  return (window.history.state as { clickedIn?: number } | null)?.clickedIn === load;
}

export function usePlace(): Place {
  const [place, setPlace] = useState(present);
  useEffect(() => {
    const update = () => setPlace(present());
    window.addEventListener('popstate', update);
    window.addEventListener(moved, update);
    return () => {
      window.removeEventListener('popstate', update);
      window.removeEventListener(moved, update);
    };
  }, []);
  return place;
}

interface LinkProps {
  to: string;
  query?: Readonly<Record<string, string | undefined>>;
  class?: string | undefined;
  current?: boolean;
  title?: string;
  label?: string;
  children: ComponentChildren;
}

/** A link within the console: a plain click changes the view, any other does what the browser does with links. */
export function Link({ to, query, class: className, current, title, label, children }: LinkProps) {
  const address = addressOf(to, query);
  return (
    <a
      href={address}
      class={className}
      title={title}
      aria-label={label}
      aria-current={current ? 'page' : undefined}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        go(address);
      }}
    >
      {children}
    </a>
  );
}
