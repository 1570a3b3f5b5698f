import type { ComponentChildren } from 'preact';

/** A part that may be wider than the page; the keyboard can scroll it, because it can have the focus. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it, the keyboard could not scroll
    <section class="scroll" tabIndex={0} aria-label={`Table: ${label}`}>
      {children}
    </section>
  );
}
