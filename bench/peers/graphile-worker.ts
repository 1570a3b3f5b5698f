/** A job queue on PostgreSQL, with a runner for each database. It listens for new jobs. */
import { type OpenPeer, payload, topic } from './peer.ts';
import { type Pg, postgresDatabases } from './postgres-databases.ts';

interface GraphileWorker {
  run(options: object): Promise<Runner>;
  runMigrations(options: object): Promise<void>;
  makeWorkerUtils(options: object): Promise<Utils>;
  Logger: new (factory: () => (level: string, message: string) => void) => unknown;
}
interface Runner {
  addJob(task: string, payload: unknown): Promise<unknown>;
  stop(): Promise<void>;
}
interface Utils {
  addJobs(jobs: readonly { identifier: string; payload: unknown }[]): Promise<unknown>;
  release(): Promise<void>;
}

export const graphileWorker: OpenPeer = async ({ postgres, load }) => {
  const { run, runMigrations, makeWorkerUtils, Logger } = load('graphile-worker') as GraphileWorker;
  const databases = postgresDatabases(postgres!, load('pg') as Pg);
  const logger = new Logger(() => (level, message) => {
    if (level === 'error') console.error(message);
  });
  const options = (url: string) => ({ connectionString: url, logger });
  return {
    prepare: (names) => databases.make(names, (url) => runMigrations(options(url))),
    remove: databases.drop,
    async fill(name, count) {
      const utils = await makeWorkerUtils(options(databases.urlOf(name)));
      await utils.addJobs(Array(count).fill({ identifier: topic, payload }));
      await utils.release();
    },
    unsettled: (name) => databases.number(name, 'SELECT count(*) FROM graphile_worker.jobs'),
    async host(names, handle, limits) {
      const runners = new Map<string, Runner>();
      for (const name of names) {
        const runner = await run({
          ...options(databases.urlOf(name)),
          noHandleSignals: true,
          parsedCronItems: [],
          taskList: { [topic]: async () => handle() },
          ...(limits && { concurrency: limits.concurrency }),
          ...(limits && limits.batch > 1 && { preset: inBatches(limits.batch) }),
        });
        runners.set(name, runner);
      }
      return {
        send: async (name) => void (await runners.get(name)!.addJob(topic, payload)),
        async stop() {
          for (const runner of runners.values()) await runner.stop();
        },
      };
    },
    calls: databases.calls,
  };
};

/** Claims so many jobs at once, and completes together those that end together. */
const inBatches = (size: number) => ({ worker: { localQueue: { size }, completeJobBatchDelay: 0 } });
