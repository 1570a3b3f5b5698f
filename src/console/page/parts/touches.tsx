import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { wasClicked } from '../location.tsx';

interface TouchesProps {
  /** Whose databases are read, such as `the database of acme`. */
  what: string;
  children: ComponentChildren;
}

/** A part that connects to tenants' databases, which may be asleep: somebody must have clicked for it. */
export function Touches({ what, children }: TouchesProps) {
  const [asked, setAsked] = useState(wasClicked);
  if (asked)
    return (
      <>
        <p class="faint touched">Read on request from {what}.</p>
        {children}
      </>
    );
  return (
    <div class="state">
      <p>This reads {what}, and so wakes a database that is asleep.</p>
      <button type="button" class="primary" onClick={() => setAsked(true)}>
        Read now
      </button>
    </div>
  );
}
