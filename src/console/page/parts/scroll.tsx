import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** A part that may be wider than the page; the keyboard can scroll it, because it can have the focus. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    const element = place.current!;
    // The styles fade the edge behind which there is more.
    const update = () => {
      const { scrollLeft, clientWidth, scrollWidth } = element;
      element.toggleAttribute('data-more', scrollLeft + clientWidth < scrollWidth - 1);
    };
    const sized = new ResizeObserver(update);
    sized.observe(element);
    sized.observe(element.firstElementChild!);
    element.addEventListener('scroll', update, { passive: true });
    return () => {
      sized.disconnect();
      element.removeEventListener('scroll', update);
    };
  }, []);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it, the keyboard could not scroll
    <section ref={place} class="scroll" tabIndex={0} aria-label={`Table: ${label}`}>
      {children}
    </section>
  );
}
