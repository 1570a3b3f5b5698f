/** D8: names of servers that are never answered do not delay logins to other servers. */
import dns from 'node:dns';
import { isIP } from 'node:net';
import { addressesOf } from '../../../src/engine/sqlserver/connector.ts';
import { loadDriver } from '../../../src/engine/sqlserver/driver.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { browserPort } from '../../../src/engine/sqlserver/instance-port.ts';
import { hostResolver } from '../../../src/host-resolver.ts';
import { startBrowser } from '../../support/browser-server.ts';
import { startNameServer } from '../../support/name-server.ts';
import { TdsServer } from '../../support/tds-server.ts';
import { until } from '../../support/until.ts';

// On a busy machine it takes longer than the tests wait.
beforeAll(() => loadDriver(), 120_000);

afterEach(() => jest.restoreAllMocks());

/** A tenant of each name. */
function engineFor(names: readonly string[], port: number, nameServer: string) {
  const env: Record<string, string> = {};
  const engine = createSqlServerEngine({
    env,
    encrypt: false,
    connectTimeoutMs: 60_000,
    resolveHost: hostResolver({ servers: [nameServer] }),
  });
  const tenants = names.map((name, index) => {
    const server = name.includes('\\') ? name : `${name},${port}`;
    env[`SQL_${index}`] = `Server=${server};User Id=u;Password=p`;
    const auth = { kind: 'setting', name: `SQL_${index}` } as const;
    const address = { id: `t${index}`, server: '', database: 'd', auth, schema: 'messaging' };
    return engine.openTenant(address);
  });
  return { engine, tenants };
}

test('D8: beside 20 names that are never answered, a login to another server goes on, and no shared thread is used', async () => {
  const system = jest.spyOn(dns, 'lookup');
  const systemPromised = jest.spyOn(dns.promises, 'lookup');
  await using names = await startNameServer((name) => (name === 'good.test' ? ['127.0.0.1'] : null));
  await using server = await TdsServer.start();
  const silent = Array.from({ length: 20 }, (_, index) => `silent-${index}.test`);
  const { engine, tenants } = engineFor([...silent, 'good.test'], server.port, names.address);
  const outcomes = tenants.map((tenant) =>
    tenant.leases.list().catch((error: { code?: string }) => error.code),
  );
  await until('all are asked for', () => names.asked.length === 21);
  await until('the login is done', () => server.logins === 1);
  const ended = await Promise.all(outcomes);
  expect(ended.slice(0, 20)).toEqual(Array(20).fill('DATABASE_UNREACHABLE'));
  // A server that listens on an address calls it, too.
  const hosts = [...system.mock.calls, ...systemPromised.mock.calls].map(([host]) => host);
  expect(hosts.filter((host) => isIP(host) === 0)).toEqual([]);
  await engine.close();
}, 120_000);

test('D8: the names of servers with an instance are looked up in the same way', async () => {
  const system = jest.spyOn(dns, 'lookup');
  await using names = await startNameServer((name) => (name === 'good.test' ? ['127.0.0.1'] : null));
  await using server = await TdsServer.start();
  await using browser = await startBrowser('127.0.0.1', browserPort, { sales: server.port });
  const silent = Array.from({ length: 20 }, (_, index) => `silent-${index}.test\\SALES`);
  const { engine, tenants } = engineFor([...silent, 'good.test\\SALES'], 0, names.address);
  const outcomes = tenants.map((tenant) => tenant.leases.list().catch((error: Error) => error));
  await until('all are asked for', () => names.asked.length === 21);
  await until('the login is done', () => server.logins === 1);
  expect(browser.asked).toEqual(['sales']);
  await engine.close();
  await Promise.all(outcomes);
  expect(system.mock.calls.map(([host]) => host).filter((host) => isIP(host) === 0)).toEqual([]);
}, 120_000);

test('D8: a name that the name servers do not have is looked up by the operating system, one at a time', async () => {
  let [running, most] = [0, 0];
  jest.spyOn(dns.promises, 'lookup').mockImplementation((async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return [{ address: '127.0.0.1', family: 4 }];
  }) as unknown as typeof dns.promises.lookup);
  await using names = await startNameServer(() => []);
  await using server = await TdsServer.start();
  const { engine, tenants } = engineFor(['short-1', 'short-2', 'short-3'], server.port, names.address);
  await Promise.allSettled(tenants.map((tenant) => tenant.leases.list()));
  expect(server.logins).toBe(3);
  expect(most).toBe(1);
  await engine.close();
}, 60_000);

/** The operating system's resolver: it answers with the result of `answer`. */
function systemAnswers(answer: () => Promise<readonly string[]>) {
  return jest
    .spyOn(dns.promises, 'lookup')
    .mockImplementation((async () =>
      (await answer()).map((address) => ({ address, family: 4 }))) as unknown as typeof dns.promises.lookup);
}

test.each([
  ['corp-sql', 'SERVFAIL'],
  ['corp-sql.emea', 'REFUSED'],
  ['corp-sql.emea', 'SERVFAIL'],
  ['corp-sql', null],
] as const)(
  'D8: the operating system is asked for %s, whose search domain the name servers do not know (%s)',
  async (name, answer) => {
    systemAnswers(async () => ['192.0.2.7']);
    await using names = await startNameServer(() => answer);
    const resolve = hostResolver({ servers: [names.address] });
    expect(await addressesOf(name, new AbortController().signal, resolve)).toEqual(['192.0.2.7']);
    expect(names.asked).toEqual([name]);
  },
  60_000,
);

test('D8: a login that is given up does not wait for the operating system', async () => {
  const { promise: never, resolve: end } = Promise.withResolvers<readonly string[]>();
  const system = systemAnswers(() => never);
  await using names = await startNameServer(() => []);
  const resolve = hostResolver({ servers: [names.address] });
  const givenUp = new AbortController();
  const login = addressesOf('slow.test', givenUp.signal, resolve);
  const outcome = login.catch((error: unknown) => error);
  await until('the system is asked', () => system.mock.calls.length === 1);
  givenUp.abort('given up');
  expect(await outcome).toBe('given up');
  end([]);
}, 30_000);

test('D8: a dotted name for which the operating system waits does not delay names without a dot', async () => {
  const { promise: never, resolve: end } = Promise.withResolvers<readonly string[]>();
  const system = systemAnswers(() =>
    system.mock.calls.length === 1 ? never : Promise.resolve(['192.0.2.7']),
  );
  await using names = await startNameServer(() => []);
  const resolve = hostResolver({ servers: [names.address] });
  const { signal } = new AbortController();
  const slow = addressesOf('slow.test', signal, resolve);
  await until('the system is asked', () => system.mock.calls.length === 1);
  expect(await addressesOf('corp-sql', signal, resolve)).toEqual(['192.0.2.7']);
  end([]);
  await slow;
}, 30_000);

test('D8: a dotted name for which the operating system waits does not delay other dotted names, and is looked up once for all', async () => {
  const { promise: never, resolve: end } = Promise.withResolvers<readonly string[]>();
  const system = systemAnswers(() =>
    system.mock.calls.at(-1)![0] === 'slow.test' ? never : Promise.resolve(['192.0.2.7']),
  );
  await using names = await startNameServer(() => []);
  const resolve = hostResolver({ servers: [names.address] });
  const { signal } = new AbortController();
  const slow = Array.from({ length: 5 }, () => addressesOf('slow.test', signal, resolve));
  await until('the system is asked', () => system.mock.calls.length > 0);
  expect(await addressesOf('sales.test', signal, resolve)).toEqual(['192.0.2.7']);
  expect(system.mock.calls.map(([host]) => host)).toEqual(['slow.test', 'sales.test']);
  end(['192.0.2.8']);
  expect(await Promise.all(slow)).toEqual(Array(5).fill(['192.0.2.8']));
}, 30_000);

test('D8: a name whose callers have given up before its turn is not looked up', async () => {
  const { promise: never, resolve: end } = Promise.withResolvers<readonly string[]>();
  const system = systemAnswers(() => never);
  await using names = await startNameServer(() => []);
  const resolve = hostResolver({ servers: [names.address] });
  const { signal } = new AbortController();
  const slow = ['slow-1.test', 'slow-2.test'].map((name) => addressesOf(name, signal, resolve));
  await until('the system is asked for both', () => system.mock.calls.length === 2);
  const givenUp = new AbortController();
  const third = addressesOf('third.test', givenUp.signal, resolve).catch((error: unknown) => error);
  await until('the name server is asked', () => names.asked.length === 3);
  givenUp.abort('given up');
  expect(await third).toBe('given up');
  end([]);
  await Promise.all(slow);
  expect(system.mock.calls.map(([host]) => host)).toEqual(['slow-1.test', 'slow-2.test']);
}, 30_000);
