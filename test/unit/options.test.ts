import { isOneLine, nearestName, optionsOf } from '../../src/options.ts';
import { storeOptions } from '../../src/queue/store-options.ts';
import { refusal } from '../support/refusal.ts';

interface Options {
  readonly signal?: AbortSignal;
  readonly transaction?: unknown;
}
const names = { signal: true, transaction: true } as const;

const refused = (given: unknown) => refusal(() => optionsOf('call', given as Options, names));

describe('optionsOf', () => {
  test('section 8: a getter of the options is read once, and one on the prototype of a class too', () => {
    let reads = 0;
    class Counting {
      get transaction() {
        return ++reads;
      }
    }
    const own = { signal: undefined as never };
    Object.defineProperty(own, 'transaction', { enumerable: true, get: () => ++reads });
    expect(optionsOf('call', own as Options, names).transaction).toBe(1);
    expect(optionsOf('call', Object.assign(new Counting(), { signal: undefined as never }), names)).toEqual({
      signal: undefined,
      transaction: 2,
    });
    expect(reads).toBe(2);
  });

  test('it returns a copy of the options, also those of an instance or without a prototype', () => {
    class Own {
      readonly transaction = 1;
    }
    const bare = Object.assign(Object.create(null), { transaction: 1 });
    for (const given of [{}, { signal: undefined }, { transaction: 1 }, new Own(), bare])
      expect(optionsOf('call', given as Options, names)).toEqual({ ...given });
  });

  test('an unknown option is refused, and the nearest known one is named', () => {
    expect(refused({ transacton: 1 })).toEqual({
      code: 'INVALID_ARGUMENT',
      message: "call: 'transacton' is not an option (did you mean 'transaction'?).",
    });
    expect(refused({ Signal: 1 }).message).toContain("did you mean 'signal'?");
  });

  test('an unknown option that resembles none is refused with the list of known ones', () => {
    expect(refused({ colour: 1 }).message).toBe(
      "call: 'colour' is not an option (known are signal, transaction).",
    );
    const many = Object.fromEntries(Array.from({ length: 13 }, (_, index) => [`name${index}`, true]));
    expect(refusal(() => optionsOf('call', { colour: 1 }, many as never)).message).toBe(
      "call: 'colour' is not an option (correct its name, or remove it).",
    );
  });

  test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'the inherited name %s is not known',
    (name) => {
      expect(refused(JSON.parse(`{"${name}":1}`)).message).toContain(`'${name}' is not an option`);
    },
  );

  test.each([
    ['a signal', new AbortController().signal],
    ['a Map', new Map([['transaction', 1]])],
    ['a date', new Date()],
  ])('%s in the place of the options is refused', (_, given) => {
    expect(refused(given).message).toMatch(/^call: the options must be an object such as \{ signal \}/);
  });

  test('a list, and what is no object, is refused', () => {
    expect(refused([1]).message).toContain("'0' is not an option");
    for (const given of [null, 7, 'fast', true])
      expect(refused(given).message).toMatch(/^call: the options must be an object, got /);
  });

  test('a huge name is cut, and not compared', () => {
    const message = refused({ [`transaction${'n'.repeat(1_000_000)}`]: 1 }).message;
    expect(message.length).toBeLessThan(200);
    expect(message).not.toContain('did you mean');
  });
});

describe('nearestName', () => {
  const known = ['batchSize', 'batchBytes', 'concurrency'];
  test.each([
    ['batchsize', 'batchSize'],
    ['batch_size', 'batchSize'],
    ['BatchByte', 'batchBytes'],
    ['concurency', 'concurrency'],
    ['parallel', undefined],
    ['', undefined],
  ])('%j means %s', (given, expected) => {
    expect(nearestName(given, known)).toBe(expected);
    expect(nearestName(given, [])).toBeUndefined();
  });
});

describe('the options of calls that store messages', () => {
  test('Q3: a transaction that is given as undefined or null is refused', () => {
    for (const transaction of [undefined, null]) {
      const { code, message } = refusal(() => storeOptions('enqueue', { transaction }));
      expect(code).toBe('INVALID_ARGUMENT');
      expect(message).toBe(
        `enqueue: 'transaction' is ${transaction}, so the messages would be committed on their own; give your open transaction, or leave the option out.`,
      );
    }
  });

  test('F7: without a transaction the tenant is woken, with one it is not, unless the call says so', () => {
    const transaction = {};
    expect(storeOptions('enqueue', {})).toEqual({ transaction: undefined, wake: true });
    expect(storeOptions('enqueue', { transaction })).toEqual({ transaction, wake: false });
    expect(storeOptions('enqueue', { transaction, wake: true })).toEqual({ transaction, wake: true });
    expect(storeOptions('enqueue', { wake: false })).toEqual({ transaction: undefined, wake: false });
    expect(refusal(() => storeOptions('enqueue', { wake: 'no' as never })).message).toContain(
      "'wake' must be",
    );
  });
});

test.each([
  ['a', true],
  ['ä b', true],
  ['abcd', true],
  ['abcde', false],
  ['', false],
  ['  ', false],
  ['a\nb', false],
  ['a\u007f', false],
  ['\ud800', false],
  [7, false],
])('a name of one line has characters, and no control characters: %j', (value, expected) => {
  expect(isOneLine(value, 4)).toBe(expected);
});
