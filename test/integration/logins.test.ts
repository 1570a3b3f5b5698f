/**
 * F8: how often a host logs in to a server with many tenants. The whole program with its defaults and the real driver,
 * against a server on loopback that executes no SQL; on a real server: sqlserver/pools.test.ts.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createMultiOutbox, defineHandler, loadSettings, type MultiOutbox } from '../../src/index.ts';
import { TdsServer } from '../support/tds-server.ts';
import { until } from '../support/until.ts';

const setting = 'MO_TEST_LOGINS';
const silentSetting = 'MO_TEST_SILENT_LOGINS';

let server: TdsServer;

beforeEach(async () => {
  server = await TdsServer.startIdle();
  process.env[setting] = `Server=127.0.0.1,${server.port};User Id=u;Password=p;Encrypt=false`;
});

afterEach(async () => {
  delete process.env[setting];
  await server[Symbol.asyncDispose]();
});

function fleetOf(count: number, options: object = {}): { fleet: MultiOutbox; ids: string[] } {
  const ids = Array.from({ length: count }, (_, index) => `t${index}`);
  const fleet = createMultiOutbox({
    tenants: ids.map((id) => ({ id, database: id, auth: { kind: 'setting', name: setting } })),
    handlers: [defineHandler({ topic: 'work', handle() {} })],
    ...options,
  });
  return { fleet, ids };
}

/** Looks at every tenant; returns the logins that it cost. */
async function logins(fleet: MultiOutbox, ids: readonly string[]): Promise<number> {
  const before = server.logins;
  await fleet.wake(ids);
  const { runs } = await fleet.tick();
  expect(runs.filter(({ outcome }) => outcome === 'idle')).toHaveLength(ids.length);
  return server.logins - before;
}

test('F8: 200 idle tenants of one server cost one login each, and none at later ticks', async () => {
  const { fleet, ids } = fleetOf(200);
  try {
    expect(await logins(fleet, ids)).toBe(200);
    for (let tick = 0; tick < 3; tick++) expect(await logins(fleet, ids)).toBe(0);
    expect(server.open).toBe(200);
  } finally {
    await fleet.close();
  }
  await until('all connections have ended', () => server.open === 0);
}, 60_000);

test('D8: logins to a server that does not answer do not delay logins to another one', async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).resume());
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  process.env[silentSetting] = `Server=127.0.0.1,${port};User Id=u;Password=p;Encrypt=false`;
  const silentIds = Array.from({ length: 12 }, (_, index) => `silent${index}`);
  const fleet = createMultiOutbox({
    tenants: [
      ...silentIds.map((id) => ({
        id,
        database: id,
        auth: { kind: 'setting' as const, name: silentSetting },
      })),
      { id: 'fine', database: 'fine', auth: { kind: 'setting', name: setting } },
    ],
    handlers: [defineHandler({ topic: 'work', handle() {} })],
    sqlserver: { connectTimeoutMs: '5m' },
  });
  try {
    const hanging = silentIds.map((tenantId) => fleet.dispatch({ tenantId }));
    await until('logins hang', () => sockets.size >= 8);
    expect(await fleet.dispatch({ tenantId: 'fine' })).toMatchObject({ outcome: 'idle' });
    const closing = fleet.close();
    silent.close();
    for (const socket of sockets) socket.destroy();
    await closing;
    for (const { outcome } of await Promise.all(hanging)) expect(outcome).toBe('failed');
  } finally {
    delete process.env[silentSetting];
    await fleet.close();
  }
});

test('F8: by default an idle tenant’s database stays open until its next look', () => {
  const { databases, schedule } = loadSettings({});
  expect(databases.idleCloseMs).toBeGreaterThan(schedule.idleCeilingMs as number);
});

test.each([
  ['databases may be open', { databases: { maxOpen: 40 } }],
  ['connections to the server are allowed', { sqlserver: { maxConnectionsPerServer: 40 } }],
])(
  'F8: when fewer %s than there are tenants, most of those find theirs open at every tick',
  async (_what, options) => {
    const { fleet, ids } = fleetOf(60, options);
    try {
      expect(await logins(fleet, ids)).toBe(60);
      let later = 0;
      for (let tick = 0; tick < 5; tick++) {
        later += await logins(fleet, ids);
        await until('no more are open than allowed', () => server.open <= 40);
      }
      // 20 a tick are unavoidable; the rule that closes the least recently used costs 60.
      expect(later / 5).toBeLessThan(45);
    } finally {
      await fleet.close();
    }
  },
  60_000,
);
