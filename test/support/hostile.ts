/** Values that foreign code can throw or return. Reading such a value throws an error. */
const throwing = (name: string) => ({
  get() {
    throw new Error(`reading ${name} failed`);
  },
});

export const hostileValues: Readonly<Record<string, () => unknown>> = {
  'a revoked proxy'() {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'an Error whose name throws': () => Object.defineProperty(new Error('hidden'), 'name', throwing('name')),
  'an Error whose message throws': () => Object.defineProperty(new Error(), 'message', throwing('message')),
  'an Error whose name is a symbol': () => Object.assign(new Error('odd'), { name: Symbol('name') }),
  'a Snooze whose delay throws': () =>
    Object.defineProperty(
      Object.assign(new Error('later'), { name: 'Snooze' }),
      'delayMs',
      throwing('delayMs'),
    ),
  'a MultiOutboxError whose code throws': () =>
    Object.defineProperty(
      Object.assign(new Error('fake'), { name: 'MultiOutboxError' }),
      'code',
      throwing('code'),
    ),
  'an object whose every property throws': () =>
    new Proxy(
      {},
      {
        get(_, name) {
          throw new Error(`reading ${String(name)} failed`);
        },
        getPrototypeOf() {
          throw new Error('no prototype');
        },
      },
    ),
  'an object with a prototype that throws': () =>
    Object.create(
      new Proxy(
        {},
        {
          getPrototypeOf() {
            throw new Error('no prototype');
          },
        },
      ),
    ),
  'a symbol': () => Symbol('thrown'),
  nothing: () => undefined,
};

/** Promises that foreign code can return, each with something of its own that throws. */
export const hostilePromises: Readonly<Record<string, () => unknown>> = {
  'a promise whose own then throws': () => withThen(Promise.resolve()),
  'a rejected promise whose own then throws': () => withThen(Promise.reject(new Error('refused'))),
  'a promise whose then can be read once': () => {
    let reads = 0;
    const get = () => {
      if (++reads > 1) throw new Error('reading then failed');
      return Promise.prototype.then;
    };
    return Object.defineProperty(Promise.resolve(), 'then', { get });
  },
  'a promise of a class whose then throws': () =>
    new (class extends Promise<void> {
      // biome-ignore lint/suspicious/noThenProperty: a promise that misbehaves is the point
      override then(): never {
        throw new Error('broken then');
      }
    })((resolve) => resolve()),
  'a promise whose constructor throws': () =>
    Object.defineProperty(Promise.resolve(), 'constructor', throwing('constructor')),
};

function withThen(promise: Promise<unknown>): unknown {
  const own = () => {
    throw new Error('broken then');
  };
  // biome-ignore lint/suspicious/noThenProperty: a promise that misbehaves is the point
  return Object.assign(promise, { then: own });
}
