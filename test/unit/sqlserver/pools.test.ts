/** F8: the pools of one engine, with the real driver against a server on loopback that executes no SQL. */
import { Pools } from '../../../src/engine/sqlserver/pools.ts';
import { type ConnectionTarget, registryTarget } from '../../../src/engine/sqlserver/target.ts';
import { TdsServer } from '../../support/tds-server.ts';
import { until } from '../../support/until.ts';

const settings = {
  poolSize: 2,
  maxOpen: 100,
  maxConnectionsPerServer: 4,
  idleCloseMs: 60_000,
  loginsAtOnce: 8,
  encrypt: false,
  trustServerCertificate: true,
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 5_000,
  mayReceiveToken: () => false,
};

async function place(given: Partial<typeof settings> = {}) {
  const server = await TdsServer.start();
  const pools = new Pools({ ...settings, ...given }, async () => {
    throw new Error('no token is needed');
  });
  return {
    server,
    pools,
    target: (database: string) => registryTarget(`mssql://u:p@127.0.0.1:${server.port}/${database}`, {}),
    call: (target: ConnectionTarget) =>
      pools.use(target, ({ driver, pool }) => new driver.Request(pool).execute('call')),
    async [Symbol.asyncDispose]() {
      await pools.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const databases = (count: number) => Array.from({ length: count }, (_, index) => `d${index}`);

test('F8: many databases with few connections: every call gets its turn, also one beside an open transaction', async () => {
  await using it = await place();
  const work = async (target: ConnectionTarget) => {
    await it.pools.use(target, async ({ driver, pool }) => {
      const transaction = new driver.Transaction(pool);
      await transaction.begin();
      // This call is like the renewal of a lease while a handler's transaction is open.
      await it.call(target);
      await transaction.commit();
    });
    await it.call(target);
  };
  const targets = databases(12).map(it.target);
  for (let round = 0; round < 3; round++) await Promise.all(targets.map(work));
  expect(it.server.procedures).toHaveLength(12 * 3 * 2);
  await until('no more connections are open than allowed', () => it.server.open <= 4);
}, 30_000);

test('F8: when the server ends connections, others take their places', async () => {
  await using it = await place();
  const targets = databases(8).map(it.target);
  for (let round = 0; round < 3; round++) {
    for (const target of targets) await it.call(target);
    it.server.cut();
    await until('all have ended', () => it.server.open === 0);
  }
  expect(it.server.procedures).toHaveLength(24);
}, 30_000);

test('F8: failed logins do not use up connections', async () => {
  const server = await TdsServer.start({
    answer({ socket, connection }) {
      if (connection > 6) return undefined;
      socket.destroy();
      return null;
    },
  });
  const pools = new Pools({ ...settings, maxConnectionsPerServer: 2 }, async () => {
    throw new Error('no token is needed');
  });
  const target = registryTarget(`mssql://u:p@127.0.0.1:${server.port}/db`, {});
  try {
    const call = () => pools.use(target, ({ driver, pool }) => new driver.Request(pool).execute('call'));
    for (let tried = 0; tried < 6; tried++) await expect(call()).rejects.toMatchObject({ code: 'ESOCKET' });
    await call();
  } finally {
    await pools.close();
    await server[Symbol.asyncDispose]();
  }
}, 30_000);

test('F8: closing the engine refuses the calls that wait for a connection', async () => {
  await using it = await place({ maxConnectionsPerServer: 2 });
  let free: (() => void) | undefined;
  const busy = it.pools.use(it.target('busy'), () => new Promise<void>((resolve) => (free = resolve)));
  await until('it is in use', () => free !== undefined);
  const waiting = it.call(it.target('waits'));
  const closing = it.pools.close();
  await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
  free?.();
  await Promise.all([busy, closing]);
});
