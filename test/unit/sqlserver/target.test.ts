import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { TenantAddress } from '../../../src/engine/engine.ts';
import { parseConnectionString } from '../../../src/engine/sqlserver/connection-string.ts';
import { driverConfig } from '../../../src/engine/sqlserver/driver-config.ts';
import { registryTarget, tenantTarget } from '../../../src/engine/sqlserver/target.ts';

const local = 'Server=127.0.0.1,14330;User Id=sa;Password="a;b""c";Encrypt=false;TrustServerCertificate=true';
const settings = {
  encrypt: true,
  trustServerCertificate: false,
  poolSize: 3,
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 5_000,
};
type Config = ReturnType<typeof driverConfig>;
const env = { TENANT_A: local, WITH_DATABASE: `${local};Database=Sales`, NO_SERVER: 'User Id=sa;Password=x' };

describe('connection strings', () => {
  test.each([
    ['Server=s;Database=d', { server: 's', database: 'd' }],
    ['Data Source=tcp:s,1;Initial Catalog=d;', { server: 'tcp:s,1', database: 'd' }],
    [' server = s ; uid = u ; pwd = p ', { server: 's', user: 'u', password: 'p' }],
    ["Server=s;Password='it''s'", { server: 's', password: "it's" }],
    ['Server=s;Password="a;b""c";Encrypt=Mandatory', { server: 's', password: 'a;b"c', encrypt: true }],
    ['Server=s;Encrypt=no;Connection Timeout=30', { server: 's', encrypt: false }],
    [
      'Server=s;Encrypt=Strict;MultiSubnetFailover=Yes',
      { server: 's', encrypt: 'strict', multiSubnetFailover: true },
    ],
    [
      'Server=s;Encrypt=Optional;Integrated Security=SSPI',
      { server: 's', encrypt: false, integratedSecurity: true },
    ],
    ['Server=s;Application Intent=ReadWrite', { server: 's', readOnly: false }],
    ['Server=s;ApplicationIntent=readonly', { server: 's', readOnly: true }],
    ['Server=s;ApplicationIntent=both', { server: 's', unreadable: 'ApplicationIntent' }],
    ['Server=s;Encrypt=perhaps', { server: 's', unreadable: 'Encrypt' }],
    ['Server=s;Encrypt=constructor', { server: 's', unreadable: 'Encrypt' }],
    ['Server=s;ApplicationIntent=__proto__', { server: 's', unreadable: 'ApplicationIntent' }],
    ['Server=s;constructor=x;__proto__=y;toString=z', { server: 's' }],
    ['', {}],
  ])('%s', (text, parts) => {
    expect(parseConnectionString(text)).toEqual(parts);
  });

  test.each([
    ['a word', 'nonsense'],
    ['a key', 'Server'],
    ['a long text', `Server=s;Password=${'x'.repeat(9_000)}`],
  ])('%s is not one', (_, text) => {
    expect(parseConnectionString(text)).toBeNull();
  });
});

describe('the keys that docs/sql-server.md lists', () => {
  const full = {
    Server: 's,1500',
    Database: 'd',
    'User Id': 'u',
    Password: 'p',
    Authentication: 'Sql Password',
    'Integrated Security': 'False',
    Encrypt: 'False',
    TrustServerCertificate: 'True',
    MultiSubnetFailover: 'True',
    ApplicationIntent: 'ReadWrite',
    Schema: 'mo',
  };
  const target = (parts: Record<string, string>) => {
    const entries = Object.entries(parts).map(([key, value]) => `${key}=${value}`);
    return registryTarget(`mssql:${entries.join(';')}`, {});
  };

  test('are those that are tested here', () => {
    const text = readFileSync(path.join(__dirname, '../../../docs/sql-server.md'), 'utf8');
    const [, table] = /\| key \| values \|\n.*\n((?:\|.*\n)+)/.exec(text)!;
    const keys = table!
      .trim()
      .split('\n')
      .flatMap((line) => [...line.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, key]) => key));
    expect(keys).toEqual(Object.keys(full));
  });

  test('reach the driver', () => {
    expect(target(full).schema).toBe('mo');
    expect(driverConfig(target(full), settings, null)).toMatchObject({
      server: 's',
      port: 1500,
      database: 'd',
      user: 'u',
      password: 'p',
      options: { encrypt: false, trustServerCertificate: true, multiSubnetFailover: true },
    });
  });

  test.each([
    ['Server', 's\\sales', (config: Config) => (config as { ownInstance?: unknown }).ownInstance, 'sales'],
    ['Database', 'other', (config: Config) => config.database, 'other'],
    ['User Id', 'other', (config: Config) => config.user, 'other'],
    ['Password', 'other', (config: Config) => config.password, 'other'],
    ['Encrypt', 'Strict', (config: Config) => config.options?.encrypt, 'strict'],
    ['TrustServerCertificate', 'False', (config: Config) => config.options?.trustServerCertificate, false],
    ['MultiSubnetFailover', 'False', (config: Config) => config.options?.multiSubnetFailover, undefined],
  ] as const)('%s=%s', (key, value, of, expected) => {
    expect(of(driverConfig(target({ ...full, [key]: value }), settings, null))).toBe(expected);
  });
});

const tenantIn = (variables: Record<string, string>, change: Partial<TenantAddress> = {}) =>
  tenantTarget(
    {
      id: 'acme',
      server: '',
      database: 'd',
      auth: { kind: 'setting', name: 'HUGE' },
      schema: 'messaging',
      ...change,
    },
    variables,
  );

test.each(['constructor', '__proto__', 'toString'])(
  'F1: a tenant whose auth names the setting %s, which every object inherits, is refused like one whose setting is missing',
  (name) => {
    expect(() => tenantIn({ HUGE: 'Server=s;Database=d' }, { auth: { kind: 'setting', name } })).toThrow(
      expect.objectContaining({
        code: 'INVALID_TENANT',
        message: expect.stringContaining(`the app setting '${name}' is not set`),
      }),
    );
  },
);

describe('the registry’s URL', () => {
  test('server, database and defaults', () => {
    expect(registryTarget('mssql://Sql-1.database.windows.net/Registry', {})).toEqual({
      host: 'sql-1.database.windows.net',
      port: 1433,
      instance: null,
      database: 'Registry',
      login: { kind: 'token' },
      schema: 'messaging',
      encrypt: null,
      trustServerCertificate: null,
      multiSubnetFailover: false,
    });
  });

  test('port, schema, flags, a login in the URL', () => {
    const url =
      'mssql://sa:p%40ss%2Fword@localhost:14330/My%20Registry?schema=mo&encrypt=true&trustServerCertificate=true';
    expect(registryTarget(url, {})).toMatchObject({
      port: 14330,
      database: 'My Registry',
      schema: 'mo',
      login: { kind: 'password', user: 'sa', password: 'p@ss/word' },
      encrypt: true,
      trustServerCertificate: true,
    });
  });

  test('a connection string, here or in an app setting', () => {
    const login = { kind: 'password', user: 'sa', password: 'a;b"c' };
    const there = { host: '127.0.0.1', port: 14330, database: 'Sales', login };
    expect(registryTarget(`mssql:${local};Database=Sales;Schema=mo`, {})).toMatchObject({
      ...there,
      schema: 'mo',
    });
    expect(registryTarget('mssql://127.0.0.1:14330/Sales?auth=setting:TENANT_A', env)).toMatchObject(there);
  });

  describe('an app setting that the URL names', () => {
    const url = 'mssql://s/d?auth=setting:LOGIN';
    const whole =
      'Server=s;Database=D;User Id=u;Password=p;Encrypt=false;TrustServerCertificate=true;MultiSubnetFailover=true;Schema=mo';
    const using = (setting: string, address = url) => registryTarget(address, { LOGIN: setting });

    test('F1: all parts of its connection string count, not only the login', () => {
      expect(using(whole)).toEqual(registryTarget(`mssql:${whole.replace('Database=D', 'Database=d')}`, {}));
    });

    test('F1: a part that the URL has, and the app setting has not, is the URL’s', () => {
      const address = `${url}&encrypt=strict&trustServerCertificate=true&multiSubnetFailover=true&schema=mo`;
      expect(using('Server=s;User Id=u;Password=p', address)).toMatchObject({
        encrypt: 'strict',
        trustServerCertificate: true,
        multiSubnetFailover: true,
        schema: 'mo',
      });
      expect(() => using(whole, `${url}&encrypt=false&schema=mo`)).not.toThrow();
    });

    test.each([
      [`${url}&encrypt=true`, "different values of 'encrypt'"],
      [`${url}&trustServerCertificate=false`, "different values of 'trustServerCertificate'"],
      [`${url}&multiSubnetFailover=false`, "different values of 'multiSubnetFailover'"],
      [`${url}&schema=other`, "different values of 'schema'"],
      ['mssql://s/other?auth=setting:LOGIN', 'name one database in both'],
      ['mssql://someone:secret@s/d?auth=setting:LOGIN', 'leave one of them out'],
    ])('F1: a part that the URL and the app setting state differently is refused: %s', (address, what) => {
      expect(() => using(whole, address)).toThrow(
        expect.objectContaining({ code: 'INVALID_CONFIGURATION', message: expect.stringContaining(what) }),
      );
    });

    test('F1: an error says that the app setting is wrong, not the URL', () => {
      expect(() => using('Server=s;Encrypt=perhaps')).toThrow(
        "names the app setting 'LOGIN', which has an unknown value of 'Encrypt'",
      );
    });
  });

  test.each([
    'mssql://u:p@s/d?encrypt=strict&multiSubnetFailover=true',
    'mssql:Server=s;Database=d;User Id=u;Password=p;Encrypt=Strict;MultiSubnetFailover=True',
  ])('TDS 8 and the listener of an availability group: %s', (url) => {
    const target = registryTarget(url, {});
    expect(target).toMatchObject({ encrypt: 'strict', multiSubnetFailover: true });
    expect(driverConfig(target, settings, null).options).toMatchObject({
      encrypt: 'strict',
      multiSubnetFailover: true,
      packetSize: 16_383,
    });
  });

  const login = (rest: string) => registryTarget(`mssql:Server=s;Database=d;${rest}`, {}).login;

  test.each([
    'Authentication=Active Directory Default',
    'Authentication=ActiveDirectoryManagedIdentity',
    'Authentication="active directory workload identity";Integrated Security=false',
    '',
  ])('a token: %s', (rest) => {
    expect(login(rest)).toEqual({ kind: 'token' });
  });

  test('a password', () => {
    const password = { kind: 'password', user: 'u', password: 'p' };
    expect(login('Authentication=SqlPassword;User Id=u;Password=p')).toEqual(password);
    expect(login('User Id=u;Password=p')).toEqual(password);
  });

  test.each([
    ['Authentication=Active Directory Password;User Id=u;Password=p', 'not supported'],
    ['Authentication=Active Directory Service Principal;User Id=u;Password=p', 'not supported'],
    ['Authentication=Active Directory Integrated', 'not supported'],
    ['Authentication=Active Directory Managed Identity;User Id=some-client', 'AZURE_CLIENT_ID'],
    ['Authentication=Sql Password', 'names no User Id; add a User Id and a Password'],
    ['Integrated Security=SSPI', 'Windows authentication'],
    ['Trusted_Connection=yes', 'Windows authentication'],
    ['Encrypt=perhaps', `'Encrypt'; use true, false or strict`],
    ['ApplicationIntent=both', `'ApplicationIntent'; use ReadWrite`],
    ['ApplicationIntent=ReadOnly', 'every call writes'],
    ['MultiSubnetFailover=sometimes', `'MultiSubnetFailover'; use true or false`],
  ])('a login or an option that would be dropped is refused: %s', (rest, what) => {
    expect(() => login(rest)).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIGURATION', message: expect.stringContaining(what) }),
    );
  });

  test.each([
    ['sqlite:x.db', 'mssql:'],
    ['mssql://server', 'no server and database'],
    ['mssql:Server=s', 'no database; add Database=…'],
    ['mssql:nothing', 'not a connection string'],
    ['mssql://s/d?schema=a%20b', 'schema'],
    ['mssql://s/d?shema=a', 'shema'],
    ['mssql://s/d?auth=setting:MISSING', "'MISSING', which is not set; set it to the connection string"],
    ['mssql://other/d?auth=setting:TENANT_A', 'name one server in both'],
    ['mssql://s/d?encrypt=maybe', "'encrypt'; it takes true, false or strict"],
    ['mssql://s/d?multiSubnetFailover=maybe', "'multiSubnetFailover'; it takes true or false"],
    ['mssql://s/d?auth=setting:constructor', "'constructor', which is not set"],
    ['mssql://s/d?auth=setting:__proto__', "'__proto__', which is not set"],
    ['mssql://s/d?auth=setting:Server=s;Password=hunter2', "unknown value of 'auth'"],
    ['mssql://u:pass%word@s/d', 'write the character % itself as %25'],
    ['mssql://u:pass%@s/d', 'write the character % itself as %25'],
    ['mssql://u%zz:p@s/d', 'write the character % itself as %25'],
    ['mssql://s/d%', 'write the character % itself as %25'],
    ['mssql://u:pass/word@s/d', 'as %25, %2F, %3F, %23 and %40'],
    ['mssql://u:pass#word@s/d', 'as %25, %2F, %3F, %23 and %40'],
    ['mssql://u:p@s/d#fragment', 'as %25, %2F, %3F, %23 and %40'],
    [`mssql://s/${'d'.repeat(129)}`, '1 to 128 characters'],
    ['mssql://s/%20', 'no server and database'],
  ])('%s is refused', (url, what) => {
    expect(() => registryTarget(url, env)).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIGURATION', message: expect.stringContaining(what) }),
    );
  });

  test.each([
    ['a URL', (huge: string) => registryTarget(`mssql://s/d?auth=${huge}`, {}), 'shorten it'],
    ['a connection string', (huge: string) => registryTarget(`mssql:Server=${huge}`, {}), 'shorten it'],
    ['a parameter', () => registryTarget(`mssql://s/d?${'x'.repeat(8_000)}=1`, {}), 'use only schema'],
    ['a server', () => registryTarget(`mssql://${'x'.repeat(8_000)}/d`, {}), 'write it as mssql://'],
    ['an app setting', (huge: string) => tenantIn({ HUGE: `Server=s;Database=${huge}` }), 'Server=…'],
    [
      'its database',
      () => tenantIn({ HUGE: `Server=s;Database=${'x'.repeat(8_000)}` }),
      'correct one of them',
    ],
    [
      'a tenant’s server',
      (huge: string) => tenantIn({ HUGE: 'Server=s' }, { server: huge }),
      'its server is not',
    ],
    ['its schema', (huge: string) => tenantIn({ HUGE: 'Server=s' }, { schema: huge }), 'plain identifier'],
    ['its database', (huge: string) => tenantIn({ HUGE: 'Server=s' }, { database: huge }), '1 to 128'],
  ])('an error about %s of up to 1 MB is short and says what to do', (_, read, what) => {
    const huge = 'x'.repeat(1_000_000);
    let message = '';
    try {
      read(huge);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(what);
    expect(message.length).toBeLessThan(500);
  });

  test('no error shows a password', () => {
    for (const url of [
      'mssql:Server=s;Password=hunter2',
      'mssql://u:hunter2@s/d?schema=a-b',
      'mssql://u:hunter2@s',
      'mssql://u:hunter2%@s/d',
      'mssql://u:hunter2/@s/d',
      'mssql://u:hunter2#@s/d',
      'mssql://u:hunter2@s/d?auth=setting:Server=s;Password=hunter2',
      'mssql://u:hunter2@evil.example#.database.windows.net/d',
    ]) {
      expect(() => registryTarget(url, {})).toThrow(
        expect.objectContaining({ code: 'INVALID_CONFIGURATION' }),
      );
      expect(() => registryTarget(url, {})).not.toThrow(/hunter2/);
    }
  });
});

describe('F10: a text that names one server to people and another one to the driver is refused', () => {
  const evil = 'evil.example';
  const cloud = 'database.windows.net';
  const texts = [
    `${evil}#.${cloud}`,
    `${evil}?.${cloud}`,
    `${evil}/.${cloud}`,
    `${evil}%23.${cloud}`,
    `user@${evil}`,
    `ev%69l.example`,
    `evil\t.example`,
    `ⓔvil.example`,
    `evil。example`,
  ];

  test.each(texts)('%j', (text) => {
    const refused = expect.objectContaining({ code: expect.stringMatching(/^INVALID_/) });
    const tenant = { id: 'acme', database: 'd', schema: 'messaging' };
    const [token, setting] = [{ kind: 'managed-identity' }, { kind: 'setting', name: 'EVIL' }] as const;
    const variables = { EVIL: `Server=${text};User Id=u;Password=p` };
    expect(() => tenantTarget({ ...tenant, server: text, auth: token }, {})).toThrow(refused);
    expect(() => tenantTarget({ ...tenant, server: '', auth: setting }, variables)).toThrow(refused);
    expect(() => registryTarget(`mssql:Server=${text};Database=d`, {})).toThrow(refused);
  });

  // A URL ends its host at these characters for people, too.
  test.each(texts.filter((text) => !/[/?@]/.test(text)))('in the registry’s URL: %j', (text) => {
    expect(() => registryTarget(`mssql://${text}/d`, {})).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIGURATION' }),
    );
  });
});

describe('a tenant’s target', () => {
  const address: TenantAddress = {
    id: 'acme',
    server: 'sql-1.database.windows.net',
    database: 'Sales',
    auth: { kind: 'managed-identity' },
    schema: 'messaging',
  };
  const setting = (name: string, change: Partial<TenantAddress> = {}): TenantAddress => ({
    ...address,
    server: '',
    auth: { kind: 'setting', name },
    ...change,
  });

  test('F1: by token, on the server of the row', () => {
    expect(tenantTarget(address, {})).toMatchObject({
      host: 'sql-1.database.windows.net',
      database: 'Sales',
      login: { kind: 'token' },
    });
  });

  test('F1: by an app setting, on the server of its connection string, in the database of the row', () => {
    expect(tenantTarget(setting('TENANT_A'), env)).toMatchObject({
      host: '127.0.0.1',
      port: 14330,
      database: 'Sales',
      login: { kind: 'password', user: 'sa', password: 'a;b"c' },
      encrypt: false,
      trustServerCertificate: true,
    });
    expect(tenantTarget(setting('WITH_DATABASE', { server: 'tcp:127.0.0.1,14330' }), env)).toMatchObject({
      database: 'Sales',
    });
  });

  test('F1: a schema in the app setting must be the tenant’s', () => {
    const variables = { WITH_SCHEMA: 'Server=s;User Id=u;Password=p;Schema=mo' };
    expect(tenantTarget(setting('WITH_SCHEMA', { schema: 'mo' }), variables).schema).toBe('mo');
    expect(() => tenantTarget(setting('WITH_SCHEMA'), variables)).toThrow(
      expect.objectContaining({
        code: 'INVALID_TENANT',
        message: expect.stringContaining("names the schema 'mo', but the tenant's is 'messaging'"),
      }),
    );
    // Both are one schema only in a database that ignores case, and a registry's URL is compared exactly too.
    expect(() => tenantTarget(setting('WITH_SCHEMA', { schema: 'MO' }), variables)).toThrow(
      "names the schema 'mo', but the tenant's is 'MO'",
    );
    expect(() => registryTarget('mssql://s/d?auth=setting:WITH_SCHEMA&schema=MO', variables)).toThrow(
      "different values of 'schema'",
    );
  });

  test('F1: blanks after the name of a database do not count', () => {
    expect(tenantTarget({ ...address, database: 'Sales  ' }, {}).database).toBe('Sales');
    expect(tenantTarget(setting('WITH_DATABASE', { database: 'sales ' }), env).database).toBe('sales');
    expect(registryTarget('mssql://s/Sales%20', {}).database).toBe('Sales');
    expect(registryTarget('mssql:Server=s;Database="Sales ";User Id=u', {}).database).toBe('Sales');
  });

  test.each([
    ['no server', { ...address, server: '' }, 'server is empty'],
    ['a server that is none', { ...address, server: 'a b' }, 'server'],
    ['no database', { ...address, database: ' ' }, 'database'],
    ['a schema that is none', { ...address, schema: 'a]b' }, 'schema'],
    ['a setting that is not set', setting('MISSING'), 'MISSING'],
    ['a setting with the name of an inherited property', setting('constructor'), "'constructor' is not set"],
    ['a setting named as the prototype', setting('__proto__'), "'__proto__' is not set"],
    ['a database with a name that is too long', { ...address, database: 'd'.repeat(129) }, 'database'],
    [
      'a setting for another server: the password must not go there',
      setting('TENANT_A', { server: 'evil' }),
      'names the server',
    ],
    ['a setting for another database', setting('WITH_DATABASE', { database: 'Other' }), 'names the database'],
    ['a setting without a server', setting('NO_SERVER', { server: 'evil' }), 'NO_SERVER'],
  ])('%s is refused', (_, tenant, what) => {
    expect(() => tenantTarget(tenant, env)).toThrow(
      expect.objectContaining({
        code: 'INVALID_TENANT',
        tenantId: 'acme',
        message: expect.stringContaining(what),
      }),
    );
  });
});
