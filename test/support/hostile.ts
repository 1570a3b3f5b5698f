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
