/** F8, D8: the pool of connections, with the real driver against a server on loopback that executes no SQL. */
import { type AddressInfo, createServer } from 'node:net';
import type * as mssql from 'mssql';
import { Semaphore } from '../../../src/engine/semaphore.ts';
import { AnswerGuard } from '../../../src/engine/sqlserver/answer-guard.ts';
import { createPool, type DiscardReason } from '../../../src/engine/sqlserver/connection-pool.ts';
import { type Driver, loadDriver } from '../../../src/engine/sqlserver/driver.ts';
import { type DriverSettings, driverConfig } from '../../../src/engine/sqlserver/driver-config.ts';
import { registryTarget } from '../../../src/engine/sqlserver/target.ts';
import {
  type Answer,
  failed,
  framed,
  messageType,
  procedureOf,
  type TdsMessage,
  TdsServer,
  tokens,
} from '../../support/tds-server.ts';
import { until } from '../../support/until.ts';

const settings = {
  encrypt: false,
  trustServerCertificate: true,
  poolSize: 3,
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 5_000,
};

interface Place extends AsyncDisposable {
  readonly server: TdsServer;
  readonly driver: Driver;
  readonly pool: mssql.ConnectionPool;
  readonly discarded: DiscardReason[];
  /** Connections that were admitted, and those that have ended since. */
  readonly counts: { readonly admitted: number; readonly ended: number };
  call(procedure: string): Promise<unknown>;
}

async function place(answer: Answer = () => undefined, given: Partial<DriverSettings> = {}): Promise<Place> {
  const server = await TdsServer.start({ answer });
  const driver = await loadDriver();
  const target = registryTarget(`mssql://user:password@127.0.0.1:${server.port}/db`, {});
  const discarded: DiscardReason[] = [];
  const counts = { admitted: 0, ended: 0 };
  const pool = createPool(driver, driverConfig(target, { ...settings, ...given }, null), {
    logins: new Semaphore(8),
    admit: async () => {
      counts.admitted++;
      return () => counts.ended++;
    },
    onDiscard: (reason) => discarded.push(reason),
  });
  return {
    server,
    driver,
    pool,
    discarded,
    counts,
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

test('D8: a driver that reads past the guard is refused, and its connection is closed', async () => {
  await using it = await place();
  const passedBy = jest
    .spyOn(AnswerGuard.prototype, 'passedBy', 'get')
    .mockReturnValue('Connection.messageIo');
  try {
    await expect(it.pool.connect()).rejects.toMatchObject({ code: 'DRIVER_UNSUPPORTED' });
    await until('the connection has ended', () => it.server.connections === 1 && it.server.open === 0);
    expect(it.counts).toEqual({ admitted: 1, ended: 1 });
  } finally {
    passedBy.mockRestore();
  }
});

test('D8: a connection that ends before the first call is replaced', async () => {
  await using it = await place();
  await it.pool.connect();
  it.server.cut();
  await until('the driver has noticed', () => it.server.open === 0);
  await it.call('first');
  expect(it.server.connections).toBe(2);
});

test('F8: each connection is admitted before its login and reported when it has ended, whoever ends it', async () => {
  await using it = await place((message) =>
    message.type === messageType.login && message.connection === 3 ? failed(18_456, 'refused') : undefined,
  );
  await it.pool.connect();
  await it.call('first');
  expect(it.counts).toEqual({ admitted: 1, ended: 0 });
  it.server.cut();
  await until('the server’s end is noticed', () => it.counts.ended === 1);
  await it.call('second');
  expect(it.counts).toEqual({ admitted: 2, ended: 1 });
  it.server.cut();
  await until('the server’s end is noticed', () => it.counts.ended === 2);
  await expect(it.call('third')).rejects.toMatchObject({ code: 'ELOGIN' });
  expect(it.counts).toEqual({ admitted: 3, ended: 3 });
  await it.call('fourth');
  await it.pool.close();
  expect(it.counts).toEqual({ admitted: 4, ended: 4 });
});

test('F8: a pool that becomes idle shrinks to one connection', async () => {
  await using it = await place();
  await it.pool.connect();
  await Promise.all(['first', 'second', 'third'].map(it.call));
  await until('all are idle', () => it.pool.available === 3);
  // The driver compares dates.
  const later = Date.now() + 31_000;
  const clock = jest.spyOn(Date, 'now').mockImplementation(() => later);
  try {
    await until('two have ended', () => it.server.open === 1);
  } finally {
    clock.mockRestore();
  }
  expect(it.counts).toEqual({ admitted: 3, ended: 2 });
  await it.call('next');
  expect(it.server.connections).toBe(3);
});

test('D8: two logins refused at once have each its own number', async () => {
  const refusals = new Map<number, () => void>();
  await using it = await place((message) => {
    if (message.type === messageType.procedure) return null;
    if (message.type !== messageType.login || message.connection === 1) return undefined;
    const number = 18_000 + message.connection;
    // The end of the answer comes later than its error.
    message.socket.write(framed(messageType.answer, tokens.error(number, `refused ${number}`), false));
    refusals.set(message.connection, () => message.socket.write(framed(messageType.answer, tokens.done)));
    return null;
  });
  await it.pool.connect();
  const busy = it.call('holds').catch(() => {});
  await until('it is sent', () => it.server.procedures.length === 1);
  const calls = [it.call('second'), it.call('third')].map((call) => call.catch((error: unknown) => error));
  await until('both errors are on their way', () => refusals.size === 2);
  // The login whose error came first ends last; the errors themselves are given a moment to be read.
  await new Promise((resolve) => setImmediate(resolve));
  for (const finish of [...refusals.values()].reverse()) finish();
  const errors = (await Promise.all(calls)) as { message: string; originalError: { number: number } }[];
  for (const { message, originalError } of errors) expect(message).toBe(`refused ${originalError.number}`);
  expect(new Set(errors.map(({ originalError }) => originalError.number))).toEqual(new Set([18_002, 18_003]));
  it.server.cut();
  await busy;
});

test('strict encryption reaches the driver: TLS comes before anything else, for TDS 8', async () => {
  const received: Buffer[] = [];
  const listener = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (part) => {
      received.push(part);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  const url = `mssql://user:password@localhost:${port}/db?encrypt=strict&multiSubnetFailover=true`;
  const config = driverConfig(registryTarget(url, {}), settings, null);
  const pool = createPool(await loadDriver(), config, {
    logins: new Semaphore(8),
    admit: async () => () => {},
    onDiscard: () => {},
  });
  await expect(pool.connect()).rejects.toMatchObject({ code: 'ESOCKET' });
  await new Promise((resolve) => listener.close(resolve));
  // A handshake, and the protocol that it asks for.
  expect(received[0]![0]).toBe(0x16);
  expect(received[0]!.includes('tds/8.0')).toBe(true);
});

test.each([
  [true, 2],
  [false, 1],
])('MultiSubnetFailover=%s: of two addresses of the server’s name %i are tried', async (isOn, tried) => {
  const server = await TdsServer.start();
  const resolveHost = async () => ['127.0.0.1', '127.0.0.1'];
  const url = `mssql://u:p@listener:${server.port}/db?multiSubnetFailover=${isOn}`;
  const pool = createPool(
    await loadDriver(),
    driverConfig(registryTarget(url, {}), { ...settings, resolveHost }, null),
    {
      logins: new Semaphore(1),
      admit: async () => () => {},
      onDiscard: () => {},
    },
  );
  try {
    await pool.connect();
    await until('all have arrived', () => server.connections >= tried);
    expect(server.connections).toBe(tried);
    expect(server.logins).toBe(1);
  } finally {
    await pool.close();
    await server[Symbol.asyncDispose]();
  }
});

/** Answers a cancelled request as far as it came, and then the cancellation. */
function answerCancelled({ type, socket }: TdsMessage): void {
  if (type === messageType.attention) socket.write(framed(messageType.answer, tokens.done));
}

describe('F8: a connection on which a transaction may be open is not handed out again', () => {
  /** Makes another call; returns the connections that all calls were sent on. */
  async function connections(it: Place): Promise<number[]> {
    await it.call('next');
    const calls = it.server.messages.filter(({ type }) => type === messageType.procedure);
    return calls.map(({ connection }) => connection);
  }

  test('a call that left one open', async () => {
    await using it = await place((message) =>
      procedureOf(message) === 'leaves' ? Buffer.concat([tokens.begun, tokens.done]) : undefined,
    );
    await it.pool.connect();
    await it.call('leaves');
    expect(it.discarded).toEqual(['transaction-open']);
    expect(await connections(it)).toEqual([1, 2]);
    await until('the server has seen the first one end', () => it.server.open === 1);
  });

  test('a call that ended its own goes back to the pool', async () => {
    await using it = await place((message) =>
      procedureOf(message) === 'ends'
        ? Buffer.concat([tokens.begun, tokens.committed, tokens.done])
        : undefined,
    );
    await it.pool.connect();
    await it.call('ends');
    expect(await connections(it)).toEqual([1, 1]);
    expect(it.discarded).toEqual([]);
  });

  test('a call that timed out with its transaction in an unknown state', async () => {
    await using it = await place(
      (message) => {
        answerCancelled(message);
        return procedureOf(message) === 'hangs' ? null : undefined;
      },
      { requestTimeoutMs: 1_000 },
    );
    await it.pool.connect();
    await expect(it.call('hangs')).rejects.toMatchObject({ code: 'ETIMEOUT' });
    expect(it.discarded).toEqual(['call-timed-out']);
    expect(await connections(it)).toEqual([1, 2]);
  });

  test.each(['commit', 'rollback'] as const)('a %s that timed out', async (how) => {
    await using it = await place(
      (message) => {
        answerCancelled(message);
        // Request type 5 begins a transaction.
        const isEnd = message.type === messageType.transaction && message.payload.readUInt16LE(22) !== 5;
        return isEnd ? null : undefined;
      },
      { requestTimeoutMs: 1_000 },
    );
    await it.pool.connect();
    const transaction = new it.driver.Transaction(it.pool);
    await transaction.begin();
    await transaction.request().execute('within');
    await expect(transaction[how]()).rejects.toMatchObject({ code: 'ETIMEOUT' });
    expect(it.discarded).toEqual(['transaction-open']);
    expect(await connections(it)).toEqual([1, 2]);
  });

  test('a transaction that was committed or rolled back goes back to the pool, however long it took', async () => {
    await using it = await place(undefined, { requestTimeoutMs: 1_000 });
    await it.pool.connect();
    for (const how of ['commit', 'rollback'] as const) {
      const transaction = new it.driver.Transaction(it.pool);
      await transaction.begin();
      const begun = performance.now();
      await until('more time has passed than a request may take', () => performance.now() - begun > 1_050);
      await transaction[how]();
    }
    expect(await connections(it)).toEqual([1]);
    expect(it.discarded).toEqual([]);
  });
});
