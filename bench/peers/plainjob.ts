/**
 * A queue on SQLite files, with a worker for each file. The worker claims one job at a time, and looks for new ones every
 * second.
 */
import Database from 'better-sqlite3';
import { type OpenPeer, payload, topic } from './peer.ts';

interface Plainjob {
  better(database: Database.Database): Connection;
  defineQueue(options: { connection: Connection; logger: Logger }): Queue;
  defineWorker(type: string, process: () => void, options: { queue: Queue; logger: Logger }): Worker;
}
interface Connection {
  prepare(sql: string): Database.Statement;
}
interface Queue {
  add(type: string, data: unknown): void;
  addMany(type: string, data: readonly unknown[]): void;
  countJobs(filter: { type: string; status: number }): number;
  close(): void;
}
interface Worker {
  start(): Promise<void>;
  stop(): Promise<void>;
}
type Logger = Record<'debug' | 'info' | 'warn' | 'error', (text: string) => void>;

const quiet = () => {};
const logger: Logger = { debug: quiet, info: quiet, warn: console.error, error: console.error };
const unsettledStates = [0, 1];

export const plainjob: OpenPeer = async ({ folder, load, counting }) => {
  const { better, defineQueue, defineWorker } = load('plainjob') as Plainjob;
  let calls = 0;
  const open = (name: string) => {
    const database = new Database(`${folder}/${name}.db`);
    const connection = better(database);
    const { prepare } = connection;
    if (counting) connection.prepare = (sql) => telling(prepare(sql), () => calls++);
    const queue = defineQueue({ connection, logger });
    // The queue has set NORMAL, which loses the last commits in a power cut. The others keep them.
    database.pragma('synchronous = FULL');
    return queue;
  };
  const using = <T>(name: string, action: (queue: Queue) => T): T => {
    const queue = open(name);
    const result = action(queue);
    queue.close();
    return result;
  };
  return {
    async prepare(names) {
      for (const name of names) using(name, () => {});
    },
    async remove() {},
    async fill(name, count) {
      using(name, (queue) => queue.addMany(topic, Array(count).fill(payload)));
    },
    unsettled: async (name) =>
      using(name, (queue) =>
        unsettledStates.reduce((all, status) => all + queue.countJobs({ type: topic, status }), 0),
      ),
    async host(names, handle) {
      const queues = new Map(names.map((name) => [name, open(name)]));
      const workers = [...queues.values()].map((queue) => {
        const worker = defineWorker(topic, handle, { queue, logger });
        return { worker, running: worker.start() };
      });
      return {
        send: async (name) => queues.get(name)!.add(topic, payload),
        async stop() {
          for (const { worker, running } of workers) {
            await worker.stop();
            await running;
          }
          for (const queue of queues.values()) queue.close();
        },
      };
    },
    calls: () => calls,
  };
};

function telling(statement: Database.Statement, onCall: () => void): Database.Statement {
  for (const name of ['run', 'get', 'all'] as const) {
    const call = statement[name].bind(statement);
    Object.assign(statement, {
      [name]: (...values: unknown[]) => {
        onCall();
        return call(...values);
      },
    });
  }
  return statement;
}
