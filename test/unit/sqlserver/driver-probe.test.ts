/** The engine checks the undocumented parts of the driver that it uses, and pins the versions it was written for. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import mssql from 'mssql';
import { loadDriver } from '../../../src/engine/sqlserver/driver.ts';
import {
  expectedVersions,
  probeConnection,
  probeDriver,
} from '../../../src/engine/sqlserver/driver-probe.ts';

const require = createRequire(__filename);
const driver = mssql as unknown as Parameters<typeof probeDriver>[0];
const { Connection } = createRequire(require.resolve('mssql'))('tedious') as {
  Connection: new (config: object) => object;
};

/** The driver, with one class replaced by one that lacks a method. */
function without(name: 'ConnectionPool' | 'Transaction', method: string): typeof driver {
  const broken = class extends (driver[name] as new () => object) {};
  Object.defineProperty(broken.prototype, method, { value: undefined });
  return { ...driver, [name]: broken } as typeof driver;
}

test('the versions expected are those that package.json pins and that are installed', () => {
  const manifest = JSON.parse(readFileSync(path.join(__dirname, '../../../package.json'), 'utf8')) as Record<
    string,
    Record<string, string> | undefined
  >;
  const pinned = ['dependencies', 'devDependencies', 'peerDependencies']
    .map((kind) => manifest[kind]?.mssql)
    .filter((range) => range !== undefined);
  expect(new Set(pinned)).toEqual(new Set([expectedVersions.mssql]));
  expect(require('mssql/package.json')).toMatchObject({ version: expectedVersions.mssql });
  expect(createRequire(require.resolve('mssql'))('tedious/package.json')).toMatchObject({
    version: expectedVersions.tedious,
  });
});

test.each(['README.md', 'docs/sql-server.md'])(
  '%s says to install the version that the engine expects',
  (document) => {
    const text = readFileSync(path.join(__dirname, '../../..', document), 'utf8');
    expect([...text.matchAll(/`(?:npm install )?mssql@([\d.]+)`/g)].map(([, version]) => version)).toEqual([
      expectedVersions.mssql,
    ]);
  },
);

test('the installed driver has all checked parts', async () => {
  await expect(loadDriver()).resolves.toBeDefined();
  const connection = new Connection({
    server: 'localhost',
    options: {},
    authentication: { type: 'default' },
  });
  expect(() => probeConnection(connection)).not.toThrow();
});

test('loading the driver checks it', async () => {
  await jest.isolateModulesAsync(async () => {
    jest.doMock('mssql', () => without('ConnectionPool', '_poolCreate'));
    const { loadDriver: load } = await import('../../../src/engine/sqlserver/driver.ts');
    await expect(load()).rejects.toMatchObject({ code: 'DRIVER_UNSUPPORTED' });
    jest.dontMock('mssql');
  });
});

test('a driver that is not installed is named, with the command that installs it', async () => {
  await jest.isolateModulesAsync(async () => {
    jest.doMock('mssql', () => {
      throw Object.assign(new Error("Cannot find package 'mssql'"), { code: 'ERR_MODULE_NOT_FOUND' });
    });
    const { loadDriver: load } = await import('../../../src/engine/sqlserver/driver.ts');
    await expect(load()).rejects.toMatchObject({
      code: 'PACKAGE_MISSING',
      message: expect.stringContaining(`npm install mssql@${expectedVersions.mssql}`),
    });
    jest.dontMock('mssql');
  });
});

test.each([
  ['ConnectionPool', '_poolCreate'],
  ['ConnectionPool', '_poolDestroy'],
  ['ConnectionPool', 'acquire'],
  ['ConnectionPool', 'release'],
  ['Transaction', 'acquire'],
  ['Transaction', 'release'],
] as const)('a driver without %s.%s is refused, with the version to install', (name, method) => {
  expect(() => probeDriver(without(name, method))).toThrow(
    expect.objectContaining({
      code: 'DRIVER_UNSUPPORTED',
      message: expect.stringMatching(
        new RegExp(
          `lacks ${name}\\.${method}; expected mssql [\\d.]+ with tedious [\\d.]+, found mssql [\\d.]+ with tedious [\\d.]+; run 'npm install --save-exact mssql@[\\d.]+ tedious@[\\d.]+'`,
        ),
      ),
    }),
  );
});

test.each(['inTransaction', 'closed'])('a connection without %s is refused', (flag) => {
  const connection: Record<string, unknown> = { inTransaction: false, closed: false };
  delete connection[flag];
  expect(() => probeConnection(connection)).toThrow(
    expect.objectContaining({
      code: 'DRIVER_UNSUPPORTED',
      message: expect.stringContaining(`lacks Connection.${flag}`),
    }),
  );
});
