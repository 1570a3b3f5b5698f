import { useEffect, useRef } from 'preact/hooks';
import type { Session } from '../../routes/session.ts';
import { Link, type Place } from '../location.tsx';
import { sections } from '../pages/sections.ts';

interface NavigationProps {
  place: Place;
  session: Session | null;
  onHelp: () => void;
}

export function Navigation({ place, session, onHelp }: NavigationProps) {
  const isCurrent = (path: string) =>
    path === '/' ? place.path === '/' : place.path === path || place.path.startsWith(`${path}/`);
  const pages = useRef<HTMLElement>(null);
  // On a phone the list is one line, wider than the screen.
  useEffect(() => {
    const current = pages.current?.querySelector<HTMLElement>('[aria-current]');
    if (current == null) return;
    const [list, link] = [pages.current!.getBoundingClientRect(), current.getBoundingClientRect()];
    pages.current!.scrollLeft += link.left - list.left - (list.width - link.width) / 2;
  }, [place.path]);
  return (
    <header class="side">
      <p class="brand">
        <Link to="/">Multi-outbox</Link>
      </p>
      <nav ref={pages} aria-label="Pages">
        {sections.map(({ title, pages }) => (
          <div class="section" key={title}>
            <h2>{title}</h2>
            <ul>
              {pages.map(({ title: name, path, key }) => (
                <li key={path}>
                  <Link to={path} current={isCurrent(path)} title={`keys: g ${key}`}>
                    {name}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <div class="who">
        {session !== null && (
          <p>
            <span class="actor" title={session.actor}>
              {session.actor}
            </span>
            <span class="faint"> may {session.rights.join(', ')}</span>
          </p>
        )}
        <button type="button" class="quiet" onClick={onHelp}>
          Keys: ?
        </button>
      </div>
    </header>
  );
}
