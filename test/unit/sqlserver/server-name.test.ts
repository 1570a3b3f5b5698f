import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import fc from 'fast-check';
import {
  canonicalHost,
  databaseKey,
  parseServer,
  serverKey,
} from '../../../src/engine/sqlserver/server-name.ts';

describe('names of servers', () => {
  test.each([
    ['SQL-1.example.net', 'sql-1.example.net', 1433, null],
    ['tcp:sql-1,1434', 'sql-1', 1434, null],
    ['sql-1:1434', 'sql-1', 1434, null],
    ['sql-1\\EXPRESS', 'sql-1', 1433, 'express'],
    ['sql-1\\EXPRESS,1500', 'sql-1', 1500, null],
    ['.', 'localhost', 1433, null],
    ['(LOCAL)\\a', 'localhost', 1433, 'a'],
    ['[::1],1433', '::1', 1433, null],
    ['[::1]:1434', '::1', 1434, null],
    ['fe80::1,1434', 'fe80::1', 1434, null],
    ['10.0.0.1:1434', '10.0.0.1', 1434, null],
    ['sql_server', 'sql_server', 1433, null],
    ['xn--mgba3a4f16a.example', 'xn--mgba3a4f16a.example', 1433, null],
    [`${'x'.repeat(63)}.example`, `${'x'.repeat(63)}.example`, 1433, null],
  ])('%s', (text, host, port, instance) => {
    expect(parseServer(text)).toEqual({ host, port, instance });
  });

  test.each([
    ['nothing', ''],
    ['a blank', 'a b'],
    ['a semicolon', 'a;b'],
    ['port 0', 'a,0'],
    ['a port that is too high', 'a,70000'],
    ['a port without a number', 'a,'],
    ['two ports', 'a:1,2'],
    ['a user', 'user@host'],
    ['another protocol', 'np:\\\\pipe'],
    ['a protocol twice', 'tcp:tcp:a'],
    ['a fragment', 'evil.example#.database.windows.net'],
    ['an encoded character', 'ev%69l.example'],
    ['letters that the rules for URLs turn into ASCII', 'ⓔvil.example'],
    ['the Kelvin sign', '\u212a.example'],
    ['an empty label', 'a..b'],
    ['two dots at its end', 'a..'],
    ['a hyphen at the edge of a label', '-a.b'],
    ['a label that is too long', `${'x'.repeat(64)}.example`],
    ['a name that is too long', `${'x.'.repeat(130)}example`],
    ['a short form of an address', '127.1'],
    ['an address as one number', '2130706433'],
    ['an address in hexadecimal', '0x7f.0x1'],
    ['an address with a leading zero', '127.0.0.01'],
    ['an address with a part that is too high', '127.0.0.256'],
    ['an address in brackets that is none', '[localhost]'],
    ['a zone', '[fe80::1%eth0]'],
    ['an instance that is none', 's\\a b'],
    ['an instance without a name', 's\\'],
    ['an instance of an instance', 's\\a\\b'],
    ['an instance with a name that is too long', `s\\${'i'.repeat(17)}`],
    ['a long text', 'x'.repeat(1_000_000)],
  ])('%s is refused', (_, text) => {
    expect(parseServer(text)).toBeNull();
  });

  const one = [
    's',
    'S',
    's.',
    ' s ',
    'tcp:s',
    'TCP:S.,1433',
    's:1433',
    's,01433',
    's , 1433',
    's\\MSSQLSERVER',
  ];
  const loopback = ['[::1]', '::1', '[0:0:0:0:0:0:0:1]', '[0::1],1433', '[::0001]:1433'];
  const mapped = ['10.0.0.1', '[::ffff:10.0.0.1]', '[::FFFF:0a00:1]', '10.0.0.1.'];

  test.each([
    ['a name', one],
    ['an IPv6 address', loopback],
    ['an IPv4 address', mapped],
    ['this machine', ['localhost', '.', '(local)', 'LOCALHOST.']],
    ['an instance', ['s\\a', 'S.\\A', 'tcp:s\\a']],
  ])('F1: all spellings of %s are one server', (_, spellings) => {
    expect(new Set(spellings.map((text) => serverKey(parseServer(text)!))).size).toBe(1);
  });

  test('F1: a database key ignores case, blanks at the end and the default port, and separates servers and instances', () => {
    const key = (server: string, database: string) => databaseKey({ ...parseServer(server)!, database });
    expect(key('tcp:SQL-1.,1433', 'Sales  ')).toBe(key('sql-1', 'sales'));
    expect(key('sql-1', 'sales')).not.toBe(key('sql-2', 'sales'));
    expect(key('sql-1', 'sales')).not.toBe(key('sql-1,1434', 'sales'));
    expect(key('sql-1\\a', 'sales')).not.toBe(key('sql-1', 'sales'));
    expect(key('sql-1', ' sales')).not.toBe(key('sql-1', 'sales'));
  });

  test('F10: whatever the text, the driver looks up the host that was parsed', () => {
    const character = fc.oneof(
      fc.constantFrom(...'ab.-_0172:[]#?/%@\\x。ⓔK\u00ad \t'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    );
    const texts = fc.oneof(
      fc.array(character, { maxLength: 20 }).map((parts) => parts.join('')),
      fc.domain(),
      fc.ipV4Extended(),
      fc.ipV6().map((address) => `[${address}]`),
    );
    let read = 0;
    fc.assert(
      fc.property(texts, (text) => {
        const server = parseServer(text);
        if (server === null) return;
        read++;
        const { host } = server;
        // What the driver does with a host: addresses stay, names get this form, or stay if they have none.
        if (isIP(host) === 0) expect([host, '']).toContain(domainToASCII(host));
        expect(canonicalHost(host)).toBe(host);
        expect(parseServer(serverKey(server))).toEqual(server);
      }),
      { numRuns: 2_000 },
    );
    expect(read).toBeGreaterThan(100);
  });
});
