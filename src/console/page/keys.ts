/** The keys of the console; none works while somebody types. */
import { useEffect } from 'preact/hooks';
import { addressOf, go } from './location.tsx';
import { sections } from './pages/sections.ts';
import { togglePause } from './polling.ts';

export const keyHelp: readonly (readonly [keys: string, does: string])[] = [
  ...sections.flatMap(({ pages }) => pages.map(({ key, title }) => [`g ${key}`, `go to ${title}`] as const)),
  ['/', 'filter'],
  ['j, k', 'next and previous row'],
  ['Enter', 'open the row'],
  ['p', 'pause and resume polling'],
  ['?', 'this list'],
];

const jumps = new Map(sections.flatMap(({ pages }) => pages.map(({ key, path }) => [key, path] as const)));

export function useKeys(onHelp: () => void): void {
  useEffect(() => {
    let isJump = false;
    const onKey = (event: KeyboardEvent) => {
      const isTyping =
        (event.target as HTMLElement).closest('input, textarea, select, [role=combobox]') !== null;
      // While an act works, its button is disabled, and the focus is on no part of its dialog.
      const isAsked = document.querySelector('dialog[open]') !== null;
      if (isTyping || isAsked || event.ctrlKey || event.metaKey || event.altKey) return;
      const { key } = event;
      const jump = isJump ? jumps.get(key) : undefined;
      isJump = key === 'g';
      if (jump !== undefined) go(addressOf(jump));
      else if (key === '?') onHelp();
      else if (key === 'p') togglePause();
      else if (key === '/') focusOn('[data-filter]');
      else if (key === 'j' || key === 'k') moveRow(key === 'j' ? 1 : -1);
      else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}

function focusOn(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus();
}

/** Rows are chosen by the focus on their first link, which Enter opens. */
function moveRow(by: number): void {
  const links = [...document.querySelectorAll<HTMLElement>('main tbody tr a.row')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = links[at === -1 ? (by > 0 ? 0 : links.length - 1) : at + by];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}
