import { useEffect, useRef, useState } from 'preact/hooks';
import { count } from '../format.ts';

interface FilterBarProps {
  value: string;
  /** Words that complete the one that is typed, with how many tenants each selects. */
  words: readonly { word: string; count: number | null }[];
  onChange: (text: string) => void;
}

const mostShown = 10;
const typingMs = 250;

/** A text field whose last word is completed from a list (a combobox of WAI-ARIA). */
export function FilterBar({ value, words, onChange }: FilterBarProps) {
  const [text, setText] = useState(value);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const timer = useRef<number | undefined>(undefined);
  /** What the field has sent and the address has not shown yet. */
  const sent = useRef<string[]>([]);

  // The address may change without the field, by a chip or by going back. What comes back late must not undo what was typed.
  useEffect(() => {
    const at = sent.current.lastIndexOf(value);
    if (at === -1) setText((present) => (present.trim() === value ? present : value));
    else sent.current = sent.current.slice(at + 1);
  }, [value]);
  useEffect(() => () => window.clearTimeout(timer.current), []);

  const change = (next: string, isDone: boolean) => {
    setText(next);
    window.clearTimeout(timer.current);
    const send = () => {
      const word = next.trim();
      if (word === value) return;
      sent.current.push(word);
      onChange(word);
    };
    if (isDone) send();
    else timer.current = window.setTimeout(send, typingMs);
  };
  const last = /(?:^|\s)(-?)([^\s"]*(?:"[^"]*)?)$/.exec(text);
  const typed = last?.[2]?.toLowerCase() ?? '';
  const shown = words
    .filter(
      ({ word, count: number }) =>
        word.toLowerCase().includes(typed) && word.toLowerCase() !== typed && number !== 0,
    )
    .slice(0, mostShown);
  const choose = (word: string) => {
    change(`${text.slice(0, text.length - typed.length)}${word} `, true);
    setAt(-1);
  };
  const isOpen = open && shown.length > 0;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' && shown.length > 0) {
      setOpen(true);
      setAt((at + 1) % shown.length);
    } else if (event.key === 'ArrowUp' && isOpen) setAt(at <= 0 ? shown.length - 1 : at - 1);
    else if (event.key === 'Enter' && isOpen && at >= 0) choose(shown[at]!.word);
    else if (event.key === 'Enter') {
      change(text, true);
      setOpen(false);
    } else if (event.key === 'Escape') {
      setOpen(false);
      setAt(-1);
    } else return;
    event.preventDefault();
  };
  return (
    <div class="filter">
      <input
        type="text"
        role="combobox"
        aria-label="Filter tenants"
        aria-expanded={isOpen}
        aria-controls="filter-words"
        aria-autocomplete="list"
        aria-activedescendant={isOpen && at >= 0 ? `filter-word-${at}` : undefined}
        data-filter
        placeholder="Filter: part of an id, is:failing, tag:region=eu, -status:retired   (/)"
        autocomplete="off"
        spellcheck={false}
        maxLength={500}
        value={text}
        onInput={(event) => {
          setOpen(true);
          setAt(-1);
          change(event.currentTarget.value, false);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <div id="filter-words" role="listbox" aria-label="Words" hidden={!isOpen}>
        {shown.map(({ word, count: number }, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the text field
          <div
            key={word}
            id={`filter-word-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            // The field keeps the focus.
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => choose(word)}
          >
            <span>{word}</span>
            {number !== null && <span class="faint">{count(number)}</span>}
          </div>
        ))}
      </div>
    </div>
  );
}
