/** A job queue on PostgreSQL, with an instance for each database. It listens for new jobs if it is told to. */
import { type OpenPeer, payload, topic } from './peer.ts';
import { type Pg, postgresDatabases } from './postgres-databases.ts';

interface PgBoss {
  on(event: 'error', listener: (error: Error) => void): void;
  start(): Promise<unknown>;
  createQueue(name: string, options: object): Promise<void>;
  insert(name: string, jobs: readonly { data: object }[]): Promise<unknown>;
  send(name: string, data: object): Promise<unknown>;
  work(name: string, options: object, handler: (jobs: readonly unknown[]) => Promise<void>): Promise<string>;
  fetch(name: string): Promise<{ id: string }[]>;
  complete(name: string, ids: readonly string[]): Promise<unknown>;
  stop(options: object): Promise<void>;
}

export const pgBoss: OpenPeer = async ({ postgres, load }) => {
  const { PgBoss } = load('pg-boss') as { PgBoss: new (options: object) => PgBoss };
  const databases = postgresDatabases(postgres!, load('pg') as Pg);
  const start = async (url: string) => {
    // Of 200 instances some wait long for a connection; by default they fail.
    const boss = new PgBoss({
      connectionString: url,
      useListenNotify: true,
      connectionTimeoutMillis: 120_000,
    });
    boss.on('error', (error) => console.error(error.message));
    await boss.start();
    return boss;
  };
  return {
    prepare: (names) =>
      databases.make(names, async (url) => {
        const boss = await start(url);
        await boss.createQueue(topic, { notify: true });
        await boss.stop({ graceful: true });
      }),
    remove: databases.drop,
    async fill(name, count) {
      const boss = await start(databases.urlOf(name));
      await boss.insert(topic, Array(count).fill({ data: payload }));
      await boss.stop({ graceful: true });
    },
    unsettled: (name) =>
      databases.number(
        name,
        "SELECT count(*) FROM pgboss.job WHERE state < 'completed' AND name = 'bench.noop'",
      ),
    async host(names, handle, limits) {
      const instances = new Map<string, PgBoss>();
      for (const name of names) instances.set(name, await start(databases.urlOf(name)));
      let stopping = false;
      const loops: Promise<void>[] = [];
      for (const boss of instances.values()) {
        if (limits?.batch === 1) loops.push(oneByOne(boss, handle, () => stopping));
        else
          await boss.work(topic, optionsOf(limits?.batch), async (jobs) => jobs.forEach(() => void handle()));
      }
      return {
        send: async (name) => void (await instances.get(name)!.send(topic, payload)),
        async stop() {
          stopping = true;
          await Promise.all(loops);
          for (const boss of instances.values()) await boss.stop({ graceful: true });
        },
      };
    },
    calls: databases.calls,
  };
};

const optionsOf = (batchSize: number | undefined) =>
  batchSize === undefined ? {} : { batchSize, burstWhenBatchFull: true };

/** A worker of pg-boss rests for half a second or more after each job if it claims one at a time, so this calls what it calls. */
async function oneByOne(boss: PgBoss, handle: () => void, stopping: () => boolean): Promise<void> {
  while (!stopping()) {
    const jobs = await boss.fetch(topic);
    if (jobs.length === 0) return;
    for (const { id } of jobs) {
      handle();
      await boss.complete(topic, [id]);
    }
  }
}
