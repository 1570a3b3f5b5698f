/**
 * The samples of examples/producers: each is compiled where its toolchain is at hand, and run against a server where there is
 * one (test/support/sqlserver.ts). A sample that cannot be tried is skipped, and its name says what is missing.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import mssql from 'mssql';
import { parseConnectionString } from '../../src/engine/sqlserver/connection-string.ts';
import { parseServer } from '../../src/engine/sqlserver/server-name.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../support/sqlserver.ts';
import { TestDatabases } from '../support/sqlserver-databases.ts';
import { hasDotnet } from '../support/toolchains.ts';
import { answering, type Receiver, startReceiver } from './handlers/receiver.ts';
import {
  createOrders,
  hasJava,
  ProducerSamples,
  producerEnv,
  python,
  run,
  samples,
  testWith,
} from './producer-samples.ts';

const built = new ProducerSamples();
afterAll(() => built.remove());

testWith(hasDotnet, 'C# compiles, with warnings as errors', 'dotnet 10 or newer is not on PATH', async () => {
  expect(existsSync(await built.csharp())).toBe(true);
});

testWith(hasJava, 'Java compiles, with warnings as errors', 'javac is not on PATH', async () => {
  expect(existsSync(path.join(await built.java(), 'PlaceOrder.class'))).toBe(true);
});

testWith(python !== undefined, 'Python compiles', 'python3 is not on PATH', async () => {
  const script = 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")';
  await run(python!, ['-W', 'error', '-c', script, path.join(samples, 'python/place_order.py')]);
});

describeOnServer(`producers on a server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  let database = '';
  let host: Receiver;
  let env: Record<string, string>;

  beforeAll(async () => {
    database = await databases.take('tenant');
    await databases.batch(database, createOrders);
    host = await startReceiver(answering(202));
    const { host: server, port } = parseServer(parseConnectionString(databases.connectionString)!.server!)!;
    env = {
      ...producerEnv(databases.connectionString, database, { host: server, port: port ?? 1433 }),
      OUTBOX_URL: host.origin,
      OUTBOX_KEY: 'key',
    };
  }, 240_000);
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]();
    await databases.dispose();
  }, 120_000);

  const rows = async (query: string) =>
    (await (await databases.pool(database)).request().query(query)).recordset;
  const ordersOf = (id: string) => rows(`SELECT Id FROM dbo.Orders WHERE Id = N'${id}'`);
  const messagesOf = (id: string) =>
    rows(`SELECT LOWER(MessageId) AS Id, Topic, Payload FROM messaging.Outbox WHERE OrderingKey = N'${id}'`);

  interface Placed {
    readonly messageId: string;
    readonly duplicate: boolean;
  }

  /** @param place runs the sample for an order */
  async function tryProducer(name: string, place: (order: string) => Promise<Placed>): Promise<void> {
    const order = `${name} "1"`;
    const first = await place(order);
    expect(first.duplicate).toBe(false);
    // The same order again, as after a commit whose answer was lost.
    expect(await place(order)).toEqual({ messageId: first.messageId, duplicate: true });
    expect(await ordersOf(order)).toHaveLength(1);
    const [message, ...others] = await messagesOf(order);
    expect(others).toEqual([]);
    expect(message).toMatchObject({ Id: first.messageId, Topic: 'order.placed' });
    expect(JSON.parse(message.Payload)).toEqual({ orderId: order });
    // The enqueue fails after the insert: neither is stored.
    const long = `${name} ${'x'.repeat(250)}`;
    await expect(place(long)).rejects.toThrow();
    expect(await ordersOf(long)).toEqual([]);
    // Two orders whose dedup keys would be one if they were cut are no duplicates of each other.
    for (const last of ['a', 'b']) {
      const order = `${name} `.padEnd(199, 'x') + last;
      await expect(place(order)).rejects.toThrow();
      expect(await ordersOf(order)).toEqual([]);
    }
  }

  for (const { name, isThere, missing, command } of built.programs()) {
    testWith(isThere, `Q3: ${name}`, missing, async () => {
      const [program, ...args] = await command();
      await tryProducer(name, async (order) => {
        const woken = host.received.length;
        const { stdout } = await run(program, [...args, order], { env: { ...process.env, ...env } });
        expect(host.received.slice(woken)).toMatchObject([
          { path: '/api/wake/acme', headers: { 'x-functions-key': 'key' } },
        ]);
        return JSON.parse(stdout) as Placed;
      });
    });
  }

  test('Q3: T-SQL', async () => {
    await databases.batch(database, readFileSync(path.join(samples, 'tsql/place-order.sql'), 'utf8'));
    await tryProducer('tsql', async (order) => {
      const request = (await databases.pool(database)).request().input('Id', mssql.NVarChar(300), order);
      request.output('MessageId', mssql.UniqueIdentifier).output('Duplicate', mssql.Bit);
      const { output } = await request.execute('dbo.PlaceOrder');
      return { messageId: output.MessageId.toLowerCase(), duplicate: output.Duplicate };
    });
  }, 120_000);
});
