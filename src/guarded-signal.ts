import { ignoreRejection } from './errors.ts';

type EventListener = (event: Event) => unknown;
type Listener = EventListener | { handleEvent(event: Event): unknown } | null;
type ListenerMethod = (type: string, listener: Listener, options?: unknown) => void;

/**
 * Makes a signal for foreign code, such as a handler: if one of its listeners throws, or returns a promise that rejects,
 * `onError` gets the error. Otherwise Node would throw it outside every call, where it ends the process and with it the
 * work of all tenants.
 * @returns the same signal
 */
export function guardedSignal(signal: AbortSignal, onError: (error: unknown) => void): AbortSignal {
  const guards = new WeakMap<object, EventListener>();
  function guarded(listener: Listener): Listener {
    if (listener === null || (typeof listener !== 'function' && typeof listener !== 'object'))
      return listener;
    // The same guard for the same listener, so that it is added once and can be removed.
    const known = guards.get(listener);
    if (known !== undefined) return known;
    const guard: EventListener = (event) => {
      try {
        const returned: unknown =
          typeof listener === 'function' ? listener.call(signal, event) : listener.handleEvent(event);
        ignoreRejection(returned, onError);
      } catch (error) {
        onError(error);
      }
    };
    guards.set(listener, guard);
    return guard;
  }

  const add = signal.addEventListener as ListenerMethod;
  const remove = signal.removeEventListener as ListenerMethod;
  let given: unknown = null;
  let onabort: EventListener | null = null;
  Object.defineProperties(signal, {
    addEventListener: {
      value: ((type, listener, options) =>
        add.call(signal, type, guarded(listener), options)) satisfies ListenerMethod,
    },
    removeEventListener: {
      value: ((type, listener, options) =>
        remove.call(signal, type, guarded(listener), options)) satisfies ListenerMethod,
    },
    onabort: {
      get: () => given,
      set(listener: unknown) {
        if (onabort !== null) remove.call(signal, 'abort', guarded(onabort));
        given = listener;
        onabort = typeof listener === 'function' ? (event) => listener.call(signal, event) : null;
        if (onabort !== null) add.call(signal, 'abort', guarded(onabort));
      },
    },
  });
  return signal;
}
