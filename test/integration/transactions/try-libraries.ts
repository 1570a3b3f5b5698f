/** A program: tries every library, right and wrong, and prints what happened as JSON. Its argument: an empty folder. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as immediate } from 'node:timers/promises';
import { createMultiOutbox, isMultiOutboxError } from '../../../src/index.ts';
import { type Library, libraries } from './libraries.ts';

/** Turns of the event loop, and microtasks after them, from a call to the end of its transaction. */
const pauses = [0, 1, 2].flatMap((turns) =>
  Array.from({ length: 60 }, (_, microtasks) => ({ turns, microtasks })),
);

const folder = process.argv[2]!;
const tried: Record<string, unknown> = {};
for (const [name, open] of Object.entries(libraries)) {
  const place = path.join(folder, name.replaceAll(/\W+/g, '-'));
  mkdirSync(place);
  tried[name] = await tryLibrary(place, open).catch((error: Error) => error.stack);
}
console.log(JSON.stringify(tried));

async function tryLibrary(place: string, open: (file: string) => Library | Promise<Library>) {
  const file = path.join(place, 'acme.db');
  const multiOutbox = createMultiOutbox({
    tenants: [
      { id: 'acme', database: file },
      { id: 'birch', database: path.join(place, 'birch.db') },
    ],
    telemetry: { logToConsole: false },
  });
  await multiOutbox.migrate();
  const acme = new DatabaseSync(file);
  acme.exec('CREATE TABLE Orders (Id TEXT PRIMARY KEY)');
  const library = await open(file);
  const outbox = multiOutbox.outbox('acme');
  const message = (payload: string) => ({ topic: 't', payload, dedupKey: payload });
  const refused = (enqueued: Promise<unknown>) =>
    enqueued.then(
      () => 'not refused',
      (error: unknown) => (isMultiOutboxError(error) ? error.code : String(error)),
    );
  const stored = () => ({
    orders: acme
      .prepare('SELECT Id FROM Orders')
      .all()
      .map(({ Id }) => Id),
    messages: acme
      .prepare('SELECT Payload FROM Outbox ORDER BY Sequence')
      .all()
      .map(({ Payload }) => Payload),
  });
  const result: Record<string, unknown> = {};

  let ended: unknown;
  await library.inTransaction('committed', async (transaction) => {
    ended = transaction;
    const enqueued = await Promise.all([
      outbox.enqueue(message('a'), { transaction }),
      outbox.enqueue([message('b'), message('a')], { transaction }),
    ]);
    result.statuses = enqueued.flat().map(({ status }) => status);
    result.elsewhere = await refused(multiOutbox.outbox('birch').enqueue(message('c'), { transaction }));
    await outbox.enqueue(message('d'), { transaction });
  });
  result.committed = stored();

  const change = new Error('changed my mind');
  const undone = library.inTransaction('undone', async (transaction) => {
    await outbox.enqueue(message('e'), { transaction });
    throw change;
  });
  result.rejectedWith = await undone.then(
    () => 'nothing',
    (error: unknown) => (error === change ? 'its error' : String(error)),
  );
  result.root = await refused(outbox.enqueue(message('f'), { transaction: library.root }));
  result.ended = await refused(outbox.enqueue(message('g'), { transaction: ended }));
  result.after = stored();
  result.notAwaited = await notAwaited(library, file, (payload) => stored().messages.includes(payload));
  result.birch = await multiOutbox.outbox('birch').statistics();

  await library.close();
  result.closed = await refused(outbox.enqueue(message('h'), { transaction: library.root }));
  acme.close();
  await multiOutbox.close();
  return result;
}

/**
 * Calls that are not awaited, whose transaction ends meanwhile and is followed by another one on the same connection, which is
 * rolled back. Returns what went wrong.
 */
async function notAwaited(
  library: Library,
  database: string,
  isStored: (payload: string) => boolean,
): Promise<string[]> {
  const options = { tenants: [{ id: 'acme', database }], telemetry: { logToConsole: false } };
  const multiOutbox = createMultiOutbox(options);
  const wrong: string[] = [];
  const undone = new Error('undone');
  const undo = (error: unknown) => {
    if (error !== undone) throw error;
  };
  for (const end of ['commit', 'rollback'] as const) {
    for (const { turns, microtasks } of pauses) {
      const payload = `${end} after ${turns} turns and ${microtasks} microtasks`;
      let answered: Promise<string> | undefined;
      try {
        await library
          .inTransaction(payload, async (transaction) => {
            answered = multiOutbox
              .outbox('acme')
              .enqueue({ topic: 't', payload }, { transaction })
              .then(
                () => 'stored',
                (error: unknown) => (isMultiOutboxError(error) ? error.code : String(error)),
              );
            for (let turn = 0; turn < turns; turn++) await immediate();
            for (let microtask = 0; microtask < microtasks; microtask++) await undefined;
            if (end === 'rollback') throw undone;
          })
          .catch(undo);
        await library
          .inTransaction(`${payload}, the next`, async () => {
            await answered;
            throw undone;
          })
          .catch(undo);
      } catch (error) {
        wrong.push(`${payload}: ${await answered}, and then ${error}`);
        continue;
      }
      const answer = await answered!;
      const isRight =
        answer === 'stored'
          ? isStored(payload) === (end === 'commit')
          : /^(TRANSACTION_NOT_OPEN|DATABASE_ERROR)$/.test(answer) && !isStored(payload);
      if (!isRight) wrong.push(`${payload}: ${answer}, ${isStored(payload) ? 'stored' : 'not stored'}`);
    }
  }
  await multiOutbox.close();
  return wrong;
}
