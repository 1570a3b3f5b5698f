/** Tries a library's transactions on SQL Server (Q3): what is committed, rolled back, and refused. */
import { randomUUID } from 'node:crypto';
import type { NewMessage } from '../../../src/engine/message.ts';
import type { WorkQueue } from '../../../src/engine/work-queue.ts';
import { store } from '../../../src/queue/store.ts';
import type { QueueAccess } from '../../../src/queue/stored-messages.ts';

export interface Library {
  /** The value that people pass by mistake, which has no transaction of its own. */
  readonly root: unknown;
  /** Runs `work` in a transaction: an insert of the library's own, and the transaction to enqueue in. */
  inTransaction(
    work: (insert: (id: string) => Promise<unknown>, tx: unknown) => Promise<void>,
  ): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface Scene {
  readonly queue: WorkQueue;
  /** Another tenant's. */
  readonly elsewhere: WorkQueue;
  /** The ids of the orders that are committed. */
  orders(): Promise<readonly string[]>;
}

/** What `tryLibrary` returns when all is right; `ended` depends on the library. */
export const right = {
  elsewhere: 'WRONG_DATABASE',
  duplicate: true,
  kept: true,
  undone: 'changed my mind',
  root: 'TRANSACTION_NOT_OPEN',
  stored: 3,
  orders: { committed: true, undone: false },
  storedElsewhere: 0,
};

const message = (payload: string, more: Partial<NewMessage> = {}): NewMessage => ({
  messageId: randomUUID(),
  topic: 't',
  payload,
  ...more,
});

const codeOf = (enqueued: Promise<unknown>): Promise<string> =>
  enqueued.then(
    () => 'stored',
    (error: { code?: string }) => error.code ?? String(error),
  );

export async function tryLibrary(name: string, library: Library, { queue, elsewhere, orders }: Scene) {
  const before = await queue.statistics();
  const letter = message(`an apostrophe ' and ${'€'.repeat(5_000)}`, { dedupKey: name, dueInMs: 5 });
  let wrongDatabase = '';
  await library
    .inTransaction(async (insert, transaction) => {
      await insert(name);
      wrongDatabase = await codeOf(elsewhere.enqueue([message('x')], transaction));
    })
    .catch(() => {}); // Some servers have ended it with the error.
  let ended: unknown;
  let again: unknown;
  await library.inTransaction(async (insert, transaction) => {
    ended = transaction;
    await insert(`${name} committed`);
    await Promise.all([
      queue.enqueue([letter], transaction),
      queue.enqueue([message('b'), message('c', { headers: { a: '?' } })], transaction),
    ]);
    again = await queue.enqueue([message('again', { dedupKey: name })], transaction);
  });
  const duplicate =
    JSON.stringify(again) === JSON.stringify([{ messageId: letter.messageId, status: 'duplicate' }]);
  const kept = (await queue.get(letter.messageId))?.payload === letter.payload;
  const undone = await library
    .inTransaction(async (insert, transaction) => {
      await insert(`${name} undone`);
      await queue.enqueue([message('undone')], transaction);
      throw new Error('changed my mind');
    })
    .then(
      () => 'committed',
      (error: Error) => error.message,
    );
  const root = await codeOf(queue.enqueue([message('stray')], library.root));
  const afterEnd = await codeOf(queue.enqueue([message('stray')], ended));
  const stored = await orders();
  return {
    elsewhere: wrongDatabase,
    duplicate,
    kept,
    undone,
    root,
    ended: afterEnd,
    stored: (await queue.statistics()).ready - before.ready,
    orders: { committed: stored.includes(`${name} committed`), undone: stored.includes(`${name} undone`) },
    storedElsewhere: (await elsewhere.statistics()).ready,
  };
}

/**
 * A call that is not awaited, whose tenant is found only when its transaction has ended and the next one of the library has
 * begun. Returns the codes of the refusals, and what is stored.
 */
export async function tryNotAwaited(name: string, library: Library, { queue, orders }: Scene) {
  const undone = new Error('undone');
  const codes: string[] = [];
  const letters: string[] = [];
  for (const end of ['commit', 'rollback']) {
    const found = Promise.withResolvers<void>();
    const access = {
      use: async <T>(action: (queue: WorkQueue) => Promise<T>) => {
        await found.promise;
        return action(queue);
      },
    } as QueueAccess;
    const letter = message(end);
    let answered: Promise<string> | undefined;
    await library
      .inTransaction(async (insert, transaction) => {
        await insert(`${name} before the ${end}`);
        answered = codeOf(store(access, [letter], transaction));
        if (end === 'rollback') throw undone;
      })
      .catch((error) => {
        if (error !== undone) throw error;
      });
    await library.inTransaction(async (insert) => {
      await insert(`${name} after the ${end}`);
      found.resolve();
      codes.push(await answered!);
    });
    if ((await queue.get(letter.messageId)) !== null) letters.push(end);
  }
  const own = (await orders()).filter(
    (order) => /(before|after) the/.test(order) && order.startsWith(`${name} `),
  );
  return { codes, letters, orders: own.map((order) => order.slice(name.length + 1)).sort() };
}

/** What `tryNotAwaited` returns when all is right. @param code some libraries do not tell that a transaction has ended, but refuse to use it */
export const neverNext = (code: string) => ({
  codes: [code, code],
  letters: [],
  orders: ['after the commit', 'after the rollback', 'before the commit'],
});
