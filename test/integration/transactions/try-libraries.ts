/** A program: tries every library, right and wrong, and prints what happened as JSON. Its argument: an empty folder. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createMultiOutbox, isMultiOutboxError } from '../../../src/index.ts';
import { type Library, libraries } from './libraries.ts';

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
  result.birch = await multiOutbox.outbox('birch').statistics();

  await library.close();
  acme.close();
  await multiOutbox.close();
  return result;
}
