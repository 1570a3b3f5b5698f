/** A fleet with every kind of trouble, made by real runs, for the tests and the pictures of the console. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createMultiOutbox, type MultiOutbox } from '../../src/multi-outbox.ts';
import type { OutboxMessage } from '../../src/outbox/outbox.ts';
import { defineHandler, type Handler, PermanentError } from '../../src/queue/handler.ts';

/** Whoever shows this as HTML runs it; whoever shows it as text shows these characters. */
export const markup = `<img src=x onerror="document.title='attacked'"><script>document.title='attacked'</script>&lt;b&gt;"'\`\${1}`;

const names = [
  ...[
    'acme',
    'aperture',
    'bluth',
    'cyberdyne',
    'dunder',
    'globex',
    'gringotts',
    'hooli',
    'initech',
    'massive',
  ],
  ...[
    'monarch',
    'nakatomi',
    'oscorp',
    'pied-piper',
    'soylent',
    'stark',
    'sterling',
    'tyrell',
    'umbrella',
    'wayne',
  ],
];
const regions = ['eu', 'us', 'apac'];

function handlers(): Handler[] {
  return [
    defineHandler({ topic: 'orders', handle() {} }),
    defineHandler({ topic: 'reports', handle: () => new Promise((resolve) => setTimeout(resolve, 30)) }),
    defineHandler({
      topic: 'invoices',
      handle(message) {
        throw new PermanentError(
          `The receiver refused invoice ${JSON.parse(message.payload as string).number}: 422`,
        );
      },
    }),
    defineHandler({
      topic: 'emails',
      retry: { maxAttempts: 20, baseMs: 600_000, maxDelayMs: 3_600_000 },
      handle() {
        throw new Error('connect ECONNREFUSED 10.0.0.7:25');
      },
    }),
    defineHandler({
      topic: markup.slice(0, 100),
      handle() {
        throw new PermanentError(markup);
      },
    }),
  ];
}

export interface ConsoleFleet {
  readonly multiOutbox: MultiOutbox;
  /** The registry's file, for what only another program writes. */
  readonly registryFile: string;
}

/**
 * @param folder where the databases are; the caller closes the instance and removes the folder
 * @param options.hostile with a tenant that is all markup, which only pictures for people do without. Default: true
 */
export async function consoleFleet(folder: string, { hostile = true } = {}): Promise<ConsoleFleet> {
  const registryFile = path.join(folder, 'registry.db');
  const multiOutbox = createMultiOutbox({
    registry: `sqlite:${registryFile}`,
    sqlite: { synchronous: 'normal' },
    telemetry: { handlerErrorText: true },
    handlers: handlers(),
    owner: 'tester',
  });
  await multiOutbox.migrate({ tenants: [] });
  for (const [index, id] of names.entries())
    await multiOutbox.tenants.add({
      id,
      tags: { region: regions[index % 3]!, tier: index % 4 === 0 ? 'gold' : 'basic' },
      slaSeconds: index % 4 === 0 ? 60 : null,
    });
  if (hostile) await multiOutbox.tenants.add({ id: 'hostile', tags: { note: markup } });
  for (const { error } of await multiOutbox.migrate()) if (error) throw new Error(error.message);

  const enqueue = (id: string, topic: string, many: number, fields: Partial<OutboxMessage> = {}) =>
    multiOutbox.outbox(id).enqueue(
      Array.from({ length: many }, (_, number) => ({
        topic,
        payload: { number: 1_000 + number },
        ...fields,
      })),
    );
  for (const [index, id] of names.entries()) await enqueue(id, 'orders', 3 + ((index * 37) % 120));
  await enqueue('globex', 'invoices', 41);
  await enqueue('initech', 'emails', 7);
  await enqueue('umbrella', 'shipments', 12);
  await enqueue('stark', 'emails', 5, { orderingKey: 'customer 17' });
  if (hostile) await enqueueMarkup(multiOutbox);
  for (let round = 0; round < 4; round++) await multiOutbox.tick();
  await enqueue('dunder', 'orders', 25, { delay: '2h' });
  await multiOutbox.tick();
  await multiOutbox.tenants.pause('hooli');
  await multiOutbox.tenants.remove('massive');
  await loseDatabase(multiOutbox, folder, 'tyrell');
  await multiOutbox.tenants.add({ id: 'zorg', tags: { region: 'eu' } });
  if (hostile) writeMarkup(registryFile);
  return { multiOutbox, registryFile };
}

/** Adds the tenant that is all markup to another fleet. */
export async function addHostile(multiOutbox: MultiOutbox, registryFile: string): Promise<void> {
  await multiOutbox.tenants.add({ id: 'hostile', tags: { note: markup } });
  for (const { error } of await multiOutbox.migrate({ tenants: ['hostile'] }))
    if (error) throw new Error(error.message);
  await enqueueMarkup(multiOutbox);
  writeMarkup(registryFile);
}

async function enqueueMarkup(multiOutbox: MultiOutbox): Promise<void> {
  const message: OutboxMessage = {
    topic: markup.slice(0, 100),
    payload: markup,
    headers: { 'x-note': markup },
    orderingKey: markup,
    correlationId: markup,
  };
  await multiOutbox.outbox('hostile').enqueue([message, message, message]);
}

/** The runs of a tenant whose file is gone fail. */
async function loseDatabase(multiOutbox: MultiOutbox, folder: string, id: string): Promise<void> {
  await multiOutbox.outbox(id).enqueue({ topic: 'orders', payload: 'last' });
  for (const end of ['', '-wal', '-shm'])
    rmSync(path.join(folder, 'tenants', `${id}.db${end}`), { force: true });
  for (let round = 0; round < 2; round++) {
    await multiOutbox.wake(id);
    await multiOutbox.tick();
  }
}

/** What no caller of the library can store, another program can. */
function writeMarkup(registryFile: string): void {
  const registry = new DatabaseSync(registryFile, { timeout: 5_000 });
  registry
    .prepare(
      "UPDATE Tenants SET LastError = ?, LastErrorCode = ?, LastErrorUtc = coalesce(LastRunUtc, AddedUtc) WHERE Id = 'hostile'",
    )
    .run(markup, markup);
  registry.close();
}
