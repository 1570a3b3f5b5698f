/**
 * The samples of examples/producers: each is compiled where its toolchain is at hand, and run against a server where there is
 * one (test/support/sqlserver.ts). A sample that cannot be tried is skipped, and its name says what is missing.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import mssql from 'mssql';
import { parseConnectionString } from '../../src/engine/sqlserver/connection-string.ts';
import { parseServer } from '../../src/engine/sqlserver/server-name.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../support/sqlserver.ts';
import { TestDatabases } from '../support/sqlserver-databases.ts';
import { answer, dotnetEnv, hasDotnet } from '../support/toolchains.ts';
import { answering, type Receiver, startReceiver } from './handlers/receiver.ts';

const samples = path.join(__dirname, '../../examples/producers');
const run = promisify(execFile);

const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-producers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const copied = (language: string) => {
  cpSync(path.join(samples, language), path.join(folder, language), { recursive: true });
  return path.join(folder, language);
};

const hasJava = answer('javac', '-version') !== undefined;
/** The jar of Microsoft's JDBC driver, mssql-jdbc. */
const jdbc = process.env.MULTI_OUTBOX_TEST_JDBC ?? '';
const pythons = ['python3', '/usr/bin/python3'];
const python = pythons.find((command) => answer(command, '--version') !== undefined);
const pythonWithDriver = pythons.find((command) => answer(command, '-c', 'import pytds') !== undefined);

const testWith = (isThere: boolean, name: string, missing: string, body: () => Promise<void>) =>
  isThere ? test(name, body, 300_000) : test.skip(`${name} (skipped: ${missing})`, () => {});

let built: Promise<unknown> | undefined;
/** Builds the C# sample once, with the packages whose hashes packages.lock.json has. */
async function builtCsharp(): Promise<string> {
  const place = path.join(folder, 'csharp');
  built ??= run(
    'dotnet',
    ['build', '--configuration', 'Release', '-nodeReuse:false', '-p:UseSharedCompilation=false'],
    {
      cwd: copied('csharp'),
      env: { ...dotnetEnv, RestoreLockedMode: 'true' },
    },
  );
  await built;
  return path.join(place, 'bin/Release/net10.0/producers.dll');
}

testWith(hasDotnet, 'C# compiles, with warnings as errors', 'dotnet 10 or newer is not on PATH', async () => {
  expect(existsSync(await builtCsharp())).toBe(true);
});

let compiled: Promise<string> | undefined;
/** Compiles the Java sample once; resolves to the folder of its class. */
function compiledJava(): Promise<string> {
  const place = path.join(folder, 'java');
  compiled ??= run('javac', [
    '-Xlint:all',
    '-Werror',
    '-d',
    place,
    path.join(copied('java'), 'PlaceOrder.java'),
  ]).then(() => place);
  return compiled;
}

testWith(hasJava, 'Java compiles, with warnings as errors', 'javac is not on PATH', async () => {
  expect(existsSync(path.join(await compiledJava(), 'PlaceOrder.class'))).toBe(true);
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
    await databases.batch(
      database,
      // Longer than a dedup key, so that a test can let the enqueue fail after the insert.
      'CREATE TABLE dbo.Orders (Id nvarchar(300) NOT NULL PRIMARY KEY, Placed datetime2 NOT NULL DEFAULT SYSUTCDATETIME())',
    );
    host = await startReceiver(answering(202));
    const parts = parseConnectionString(databases.connectionString)!;
    const { host: server, port } = parseServer(parts.server!)!;
    const config = mssql.ConnectionPool.parseConnectionString(databases.connectionString) as mssql.config;
    env = {
      SHOP_DB: `${databases.connectionString};Database=${database}`,
      SHOP_SERVER: server,
      SHOP_PORT: String(port ?? 1433),
      SHOP_DATABASE: database,
      SHOP_USER: config.user!,
      SHOP_PASSWORD: config.password!,
      SHOP_JDBC: `jdbc:sqlserver://${server}:${port ?? 1433};databaseName=${database};trustServerCertificate=true`,
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

  /** Runs a program, and expects it to wake the tenant. */
  const program =
    (command: string, ...args: string[]) =>
    async (order: string) => {
      const woken = host.received.length;
      const { stdout } = await run(command, [...args, order], { env: { ...process.env, ...env } });
      expect(host.received.slice(woken)).toMatchObject([
        { path: '/api/wake/acme', headers: { 'x-functions-key': 'key' } },
      ]);
      return JSON.parse(stdout) as Placed;
    };

  for (const way of ['sqlclient', 'dapper', 'efcore']) {
    testWith(hasDotnet, `Q3: C#, ${way}`, 'dotnet 10 or newer is not on PATH', async () => {
      await tryProducer(way, program('dotnet', await builtCsharp(), way));
    });
  }

  testWith(
    hasJava && jdbc !== '',
    'Q3: Java',
    'javac is not on PATH, or MULTI_OUTBOX_TEST_JDBC does not name the jar of mssql-jdbc',
    async () => {
      const classPath = [await compiledJava(), jdbc].join(path.delimiter);
      await tryProducer('java', program('java', '-cp', classPath, 'PlaceOrder'));
    },
  );

  testWith(pythonWithDriver !== undefined, 'Q3: Python', 'python3 has no package python-tds', () =>
    tryProducer('python', program(pythonWithDriver!, path.join(samples, 'python/place_order.py'))),
  );

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
