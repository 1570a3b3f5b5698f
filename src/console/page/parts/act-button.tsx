import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Right } from '../../rights.ts';
import { useRight } from '../rights.ts';

interface ActButtonProps {
  label: string;
  right: Right;
  /** What happens, and to how many. */
  children: ComponentChildren;
  /** Typed before an act that cannot be undone. */
  typed?: string;
  disabled?: boolean;
  /** Whether the act is offered now; one that was begun is shown to its end. Default: true. */
  when?: boolean;
  /** Returns what has been done, in words. */
  run: () => Promise<string>;
  onDone?: () => void;
  /** Called when the dialog opens, and when it has been closed or is gone with its page. */
  onOpen?: (isOpen: boolean) => void;
}

type Asked = Pick<ActButtonProps, 'label' | 'typed' | 'run' | 'children'>;

/**
 * A button whose act is said in full and confirmed before it is done. What was said when it was clicked is what is done: the
 * page may show something newer meanwhile.
 */
export function ActButton({ right, disabled, when = true, onDone, onOpen, ...act }: ActButtonProps) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const isOpen = asked !== null;
  // Also when the button goes with its row, as at Back.
  useLayoutEffect(() => {
    return isOpen ? () => onOpen?.(false) : undefined;
  }, [isOpen]);
  if (!useRight(right) || (!when && asked === null)) return null;
  return (
    <>
      {when && (
        <button
          type="button"
          disabled={disabled}
          class={act.typed === undefined ? '' : 'danger'}
          onClick={() => {
            setAsked(act);
            onOpen?.(true);
          }}
        >
          {act.label}
        </button>
      )}
      {asked !== null && (
        <Confirmation
          {...asked}
          onClose={(isDone) => {
            setAsked(null);
            if (isDone) onDone?.();
          }}
        />
      )}
    </>
  );
}

interface ConfirmationProps extends Asked {
  onClose: (isDone: boolean) => void;
}

type State =
  | { is: 'asking' }
  | { is: 'running' }
  | { is: 'done'; text: string }
  | { is: 'failed'; text: string };

function Confirmation({ label, typed, run, onClose, children }: ConfirmationProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [state, setState] = useState<State>({ is: 'asking' });
  const [given, setGiven] = useState('');
  useEffect(() => dialog.current?.showModal(), []);
  const isRunning = state.is === 'running';
  const isConfirmed = typed === undefined || given.trim() === typed;
  const confirm = async () => {
    if (!isConfirmed || isRunning) return;
    setState({ is: 'running' });
    try {
      setState({ is: 'done', text: await run() });
    } catch (error) {
      setState({ is: 'failed', text: error instanceof Error ? error.message : String(error) });
    }
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby="act-title"
      // The dialog stays until it says what was done. A browser closes it at the second Escape all the same.
      onCancel={(event) => isRunning && event.preventDefault()}
      onClose={() => (isRunning ? dialog.current?.showModal() : onClose(state.is === 'done'))}
    >
      <h2 id="act-title">{label}</h2>
      {state.is === 'done' ? (
        <p role="status">{state.text}</p>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void confirm();
          }}
        >
          <div>{children}</div>
          {typed !== undefined && (
            <label class="typed">
              This cannot be undone. Type <code>{typed}</code> to go on:
              <input
                type="text"
                value={given}
                autocomplete="off"
                onInput={(event) => setGiven(event.currentTarget.value)}
              />
            </label>
          )}
          {state.is === 'failed' && (
            <p class="stale" role="alert">
              {state.text}
            </p>
          )}
          <p class="buttons">
            <button
              type="submit"
              class={typed === undefined ? 'primary' : 'danger'}
              disabled={!isConfirmed || isRunning}
            >
              {isRunning ? 'Working…' : label}
            </button>
            <button type="button" disabled={isRunning} onClick={() => dialog.current?.close()}>
              Leave it
            </button>
          </p>
        </form>
      )}
      {state.is === 'done' && (
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      )}
    </dialog>
  );
}
