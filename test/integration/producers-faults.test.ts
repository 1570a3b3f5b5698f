/**
 * Q3: the samples of examples/producers when something fails: a deadlock whose victim they are, a connection that breaks before the
 * commit or after it, another producer of the same order, and a cancellation. Needs a server; see test/support/sqlserver.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import mssql from 'mssql';
import { parseConnectionString } from '../../src/engine/sqlserver/connection-string.ts';
import { parseServer } from '../../src/engine/sqlserver/server-name.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../support/sqlserver.ts';
import { TestDatabases } from '../support/sqlserver-databases.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import {
  createOrders,
  ProducerSamples,
  type Program,
  producerEnv,
  samples,
  testWith,
} from './producer-samples.ts';

jest.setTimeout(300_000);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describeOnServer(`producers when something fails (${serverVariable})`, () => {
  const built = new ProducerSamples();
  const databases = new TestDatabases(serverConnectionString);
  const running = new Set<ChildProcess>();
  const pools = new Set<mssql.ConnectionPool>();
  let database = '';
  let proxy: TcpProxy;
  let env: Record<string, string>;
  let config: mssql.config;

  beforeAll(async () => {
    const { host, port } = parseServer(parseConnectionString(databases.connectionString)!.server!)!;
    proxy = await TcpProxy.start({ host, port: port ?? 1433 });
    database = await databases.take('tenant');
    const procedure = readFileSync(path.join(samples, 'tsql/place-order.sql'), 'utf8');
    await databases.batch(database, createOrders, procedure);
    const place = { host: '127.0.0.1', port: proxy.port, isProxy: true };
    env = producerEnv(databases.connectionString, database, place);
    config = {
      ...mssql.ConnectionPool.parseConnectionString(databases.connectionString),
      database,
      requestTimeout: 120_000,
    } as mssql.config;
  });
  afterEach(async () => {
    for (const pool of pools) await pool.close();
    pools.clear();
  });
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    await proxy?.close();
    built.remove();
    await databases.dispose();
  });

  /** A pool of one connection, which the end of the test closes. */
  async function connected(changes: Partial<mssql.config> = {}): Promise<mssql.ConnectionPool> {
    const pool = await new mssql.ConnectionPool({
      ...config,
      pool: { max: 1, min: 1 },
      ...changes,
    }).connect();
    pools.add(pool);
    return pool;
  }

  const rows = async (query: string) =>
    (await (await databases.pool(database)).request().query(query)).recordset;
  const stored = async (order: string) => ({
    orders: (await rows(`SELECT Id FROM dbo.Orders WHERE Id = N'${order}'`)).length,
    topics: (await rows(`SELECT Topic FROM messaging.Outbox WHERE DedupKey = N'placed ${order}'`)).map(
      ({ Topic }) => Topic,
    ),
  });
  const once = { orders: 1, topics: ['order.placed'] };

  async function start({ command }: Program, order: string) {
    const [name, ...args] = await command();
    const child = spawn(name, [...args, order], { env: { ...process.env, ...env } });
    running.add(child);
    const printed = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        printed[stream] += text;
      });
    const ended = new Promise<Ended>((resolve) => {
      child.once('close', (code) => {
        running.delete(child);
        resolve({ code, ...printed });
      });
    });
    /** Waits for something that must happen before the program ends. */
    const before = (event: Promise<unknown>) =>
      Promise.race([event, ended.then((end) => Promise.reject(new Error(JSON.stringify(end))))]);
    return { ended, before, interrupt: () => child.kill('SIGINT') };
  }

  const placed = ({ code, stdout, stderr }: Ended) =>
    code === 0 ? { duplicate: JSON.parse(stdout).duplicate, stderr } : { code, stderr };

  /** Another producer, on a connection of its own, with an open transaction that holds the order's dedup key. */
  async function rivalOf(order: string) {
    const pool = await connected();
    // SQL Server takes the other one for the victim of a deadlock. Babelfish has no priorities.
    await pool
      .request()
      .batch('SET DEADLOCK_PRIORITY HIGH')
      .catch(() => {});
    const transaction = pool.transaction();
    await transaction.begin();
    const run = (sql: string) => transaction.request().batch(sql);
    await run(
      `EXEC messaging.Outbox_Enqueue @Topic = N'rival', @Payload = N'', @DedupKey = N'placed ${order}'`,
    );
    return {
      insert: () => run(`INSERT dbo.Orders (Id) VALUES (N'${order}')`),
      end: (how: 'commit' | 'rollback') => transaction[how](),
    };
  }

  describe.each(built.programs())('$name', (program) => {
    const { name, isThere, missing } = program;
    const tryIt = (what: string, body: (order: string) => Promise<void>) =>
      testWith(isThere, `Q3: ${what}`, missing, () => body(`${name} ${what}`.slice(0, 100)));

    tryIt('the victim of a deadlock tries again, and stores both', async (what) => {
      // Without priorities, the victim is whoever looks for a deadlock first.
      for (let left = 5; left > 0; left--) {
        const order = `${what} ${left}`;
        const rival = await rivalOf(order);
        const sent = proxy.seen('Outbox_Enqueue');
        const producer = await start(program, order);
        await producer.before(sent);
        // Ends when the server has rolled one of them back.
        const isVictim = await rival.insert().then(
          () => false,
          (error) => {
            if (error.number === 1205) return true;
            throw error;
          },
        );
        if (!isVictim) await rival.end('rollback');
        const end = placed(await producer.ended);
        expect(await stored(order)).toEqual(once);
        if (isVictim) continue;
        expect(end).toEqual({
          duplicate: false,
          stderr: expect.stringMatching(/^trying again after an error: .*deadlock/i),
        });
        return;
      }
      throw new Error('the producer was never the victim');
    });

    for (const { when, text, at, duplicate } of [
      {
        when: 'before the commit: it tries again, and stores both',
        text: 'Outbox_Enqueue',
        at: 'request',
        duplicate: false,
      },
      {
        when: 'after the commit: it tries again, and stores nothing twice',
        text: program.commit,
        at: 'answer',
        duplicate: true,
      },
    ] as const) {
      tryIt(`a connection lost ${when}`, async (order) => {
        const struck = proxy.strike(text, 'cut', at);
        const producer = await start(program, order);
        await producer.before(struck);
        expect(placed(await producer.ended)).toEqual({
          duplicate,
          stderr: expect.stringContaining('trying again after an error: '),
        });
        expect(await stored(order)).toEqual(once);
      });
    }

    tryIt('another producer of the same order commits meanwhile: it is a duplicate', async (order) => {
      const rival = await rivalOf(order);
      await rival.insert();
      const sent = proxy.seen('Orders');
      const producer = await start(program, order);
      await producer.before(sent);
      await rival.end('commit');
      expect(placed(await producer.ended)).toMatchObject({ duplicate: true });
      expect(await stored(order)).toEqual({ orders: 1, topics: ['rival'] });
    });

    if (!name.startsWith('C#')) return;
    tryIt('cancelled while it waits for a lock: nothing is stored', async (order) => {
      const rival = await rivalOf(order);
      const sent = proxy.seen('Outbox_Enqueue');
      const producer = await start(program, order);
      await producer.before(sent);
      producer.interrupt();
      expect(await producer.ended).toEqual({
        code: 130,
        stdout: '',
        stderr: 'cancelled; place the order again to be sure that it is stored\n',
      });
      await rival.end('rollback');
      const again = await start(program, order);
      expect(placed(await again.ended)).toMatchObject({ duplicate: false });
      expect(await stored(order)).toEqual(once);
    });
  });

  describe('T-SQL', () => {
    const call = (pool: mssql.ConnectionPool, order: string) => {
      const request = pool.request().input('Id', mssql.NVarChar(300), order);
      request.output('MessageId', mssql.UniqueIdentifier).output('Duplicate', mssql.Bit);
      const said: string[] = [];
      request.on('info', ({ message }) => said.push(message));
      const ended = request
        .execute('dbo.PlaceOrder')
        .then(({ output }) => ({ duplicate: output.Duplicate as boolean, said }));
      return { ended, cancel: () => request.cancel() };
    };

    /** Waits until a transaction of another session has inserted the order: who inserts it too must wait. */
    async function inserted(order: string): Promise<void> {
      const pool = await connected();
      await until('the procedure has inserted the order', async () => {
        const transaction = pool.transaction();
        await transaction.begin();
        try {
          await transaction
            .request()
            .batch(`SET LOCK_TIMEOUT 50; INSERT dbo.Orders (Id) VALUES (N'${order}')`);
          return false;
        } catch (error) {
          const { number, message } = error as mssql.RequestError;
          return number === 1222 || message.includes('lock timeout'); // Babelfish has no number for it
        } finally {
          await transaction.rollback().catch(() => {});
        }
      });
    }

    test('Q3: after a deadlock it stores both; as its victim it tries again, or its caller does', async () => {
      const rival = await rivalOf('deadlock');
      const { ended } = call(await connected(), 'deadlock');
      const outcome = ended.catch((error: Error) => error);
      await inserted('deadlock');
      // It ends when the server has rolled one of the two back. On SQL Server that is the procedure.
      const isVictim = await rival.insert().then(
        () => true,
        () => false,
      );
      await rival.end('rollback').catch(() => {});
      const first = await outcome;
      if (first instanceof Error) {
        // Babelfish ends the whole call.
        expect([isVictim, first.message]).toEqual([true, expect.stringMatching(/deadlock/i)]);
        expect(await call(await connected(), 'deadlock').ended).toMatchObject({ duplicate: false });
      } else {
        // Without priorities both can be victims, one after the other.
        const said = isVictim ? ['Trying again after error 1205.'] : expect.any(Array);
        expect(first).toEqual({ duplicate: false, said });
      }
      expect(await stored('deadlock')).toEqual(once);
    });

    test('Q3: another producer of the same order commits meanwhile: it is a duplicate', async () => {
      const rival = await rivalOf('same');
      await rival.insert();
      const { ended } = call(await connected(), 'same');
      await rival.end('commit');
      expect(await ended).toMatchObject({ duplicate: true });
      expect(await stored('same')).toEqual({ orders: 1, topics: ['rival'] });
    });

    test('Q3: cancelled by its caller while it waits for a lock: a caller that calls again stores it once', async () => {
      const rival = await rivalOf('cancelled');
      const { ended, cancel } = call(await connected(), 'cancelled');
      const outcome = expect(ended).rejects.toMatchObject({
        // Babelfish does not answer a cancellation while it waits, and the driver gives up.
        code: expect.stringMatching(/^E(CANCEL|TIMEOUT)$/),
      });
      await inserted('cancelled');
      cancel();
      await outcome;
      await rival.end('rollback');
      await call(await connected(), 'cancelled').ended;
      expect(await stored('cancelled')).toEqual(once);
    });

    test('Q3: the connection is lost after the commit: the caller calls again, and nothing is stored twice', async () => {
      const options = { ...config.options, encrypt: false };
      const pool = await connected({ server: '127.0.0.1', port: proxy.port, options });
      const struck = proxy.strike('PlaceOrder', 'cut', 'answer');
      await expect(call(pool, 'lost').ended).rejects.toThrow();
      await struck;
      expect(await call(await connected(), 'lost').ended).toEqual({ duplicate: true, said: [] });
      expect(await stored('lost')).toEqual(once);
    });
  });
});
