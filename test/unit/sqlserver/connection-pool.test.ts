/** F8, D8: the pool of connections, with the real driver against a server on loopback that executes no SQL. */
import type * as mssql from 'mssql';
import { Gate } from '../../../src/engine/gate.ts';
import { createPool } from '../../../src/engine/sqlserver/connection-pool.ts';
import { type Driver, loadDriver } from '../../../src/engine/sqlserver/driver.ts';
import { driverConfig } from '../../../src/engine/sqlserver/driver-config.ts';
import { registryTarget } from '../../../src/engine/sqlserver/target.ts';
import { type Answer, failed, framed, messageType, TdsServer } from '../../support/tds-server.ts';
import { until } from '../../support/until.ts';

const settings = {
  encrypt: false,
  trustServerCertificate: true,
  poolSize: 3,
  idleCloseMs: 60_000,
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 5_000,
  packetSize: 4_096,
};

interface Place extends AsyncDisposable {
  readonly server: TdsServer;
  readonly driver: Driver;
  readonly pool: mssql.ConnectionPool;
  call(procedure: string): Promise<unknown>;
}

async function place(answer: Answer = () => undefined, loginsAtOnce = 8): Promise<Place> {
  const server = await TdsServer.start({ answer });
  const driver = await loadDriver();
  const target = registryTarget(`mssql://user:password@127.0.0.1:${server.port}/db`, {});
  const pool = createPool(driver, driverConfig(target, settings, null), new Gate(loginsAtOnce));
  return {
    server,
    driver,
    pool,
    call: (procedure) => new driver.Request(pool).execute(procedure),
    async [Symbol.asyncDispose]() {
      await pool.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('F8: the first call logs in once, the second not at all', async () => {
  await using it = await place();
  await it.pool.connect();
  expect(it.server.connections).toBe(1);
  await it.call('first');
  await it.call('second');
  expect(it.server.connections).toBe(1);
  expect(it.server.procedures).toEqual(['first', 'second']);
});

test('F8: a pool that is closed before its first call leaves no connection', async () => {
  await using it = await place();
  await it.pool.connect();
  await it.pool.close();
  await until('its connection has ended', () => it.server.open === 0);
});

test('D8: a connection that ends before the first call is replaced', async () => {
  await using it = await place();
  await it.pool.connect();
  it.server.cut();
  await until('the driver has noticed', () => it.server.open === 0);
  await it.call('first');
  expect(it.server.connections).toBe(2);
});

test('D8: two logins refused at once bear each its own number', async () => {
  const refusals = new Map<number, () => void>();
  await using it = await place((message) => {
    if (message.type === messageType.procedure) return null;
    if (message.type !== messageType.login || message.connection === 1) return undefined;
    const number = 18_000 + message.connection;
    const whole = framed(messageType.answer, failed(number, `refused ${number}`));
    // The end of the answer, which is 13 bytes, comes later than its error.
    message.socket.write(whole.subarray(0, -13));
    refusals.set(message.connection, () => message.socket.write(whole.subarray(-13)));
    return null;
  });
  await it.pool.connect();
  const busy = it.call('holds').catch(() => {});
  await until('it is sent', () => it.server.procedures.length === 1);
  const calls = [it.call('second'), it.call('third')].map((call) => call.catch((error: unknown) => error));
  await until('both errors are on their way', () => refusals.size === 2);
  // The one whose error came first ends last.
  for (const finish of [...refusals.values()].reverse()) finish();
  const errors = (await Promise.all(calls)) as { message: string; originalError: { number: number } }[];
  for (const { message, originalError } of errors) expect(message).toBe(`refused ${originalError.number}`);
  expect(new Set(errors.map(({ originalError }) => originalError.number))).toEqual(new Set([18_002, 18_003]));
  it.server.cut();
  await busy;
});
