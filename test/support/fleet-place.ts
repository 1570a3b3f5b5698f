import { DatabaseSync } from 'node:sqlite';
import { createMultiOutbox, type MultiOutbox, type MultiOutboxOptions } from '../../src/multi-outbox.ts';
import { defineHandler, type Handler, type HandlerDefinition } from '../../src/queue/handler.ts';
import { SqlitePlace } from './sqlite-place.ts';

/**
 * A registry in a folder of its own, and instances of the library on it, each of which is a host. All are closed after
 * each test.
 */
export class FleetPlace extends SqlitePlace {
  readonly #faces: MultiOutbox[] = [];
  readonly #connections: DatabaseSync[] = [];

  /** A face on the registry of the folder; with `tenants`, a static directory. */
  face(options: MultiOutboxOptions = {}): MultiOutbox {
    const { sqlite, ...rest } = options;
    const face = createMultiOutbox({
      registry: this.registryUrl,
      ...rest,
      sqlite: { synchronous: 'normal', ...sqlite },
    });
    this.#faces.push(face);
    return face;
  }

  /** A face whose registry knows these tenants, all migrated. */
  async fleet(ids: readonly string[], options: MultiOutboxOptions = {}): Promise<MultiOutbox> {
    const face = this.face(options);
    await face.migrate({ tenants: [] });
    for (const id of ids) await face.tenants.add({ id });
    for (const { error } of await face.migrate()) if (error) throw new Error(error.message);
    return face;
  }

  /** A connection of the application's own to a file of the folder. */
  connection(name: string): DatabaseSync {
    const connection = new DatabaseSync(this.file(name), { timeout: 5_000 });
    this.#connections.push(connection);
    return connection;
  }

  override async clear(): Promise<void> {
    for (const connection of this.#connections.splice(0)) connection.close();
    for (const face of this.#faces.splice(0)) await face.close();
    await super.clear();
  }
}

/** A handler of topic 'orders' that records each message as `<tenant>:<payload>` and then calls the test's function. */
export function noting(handle: HandlerDefinition['handle'] = () => {}): {
  seen: string[];
  handlers: Handler[];
} {
  const seen: string[] = [];
  const handler = defineHandler({
    topic: 'orders',
    handle(message, context) {
      seen.push(`${context.tenant.id}:${message.payload}`);
      return handle(message, context);
    },
  });
  return { seen, handlers: [handler] };
}
