import {
  assertServerAllowed,
  cloudServers,
  matchesServer,
  serverPattern,
} from '../../../src/engine/sqlserver/allowed-servers.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';

describe('F10: servers that a token may be sent to', () => {
  test.each([
    ['sql-1.database.windows.net', '*.database.windows.net', true],
    ['sql-1.zone.database.windows.net', '*.database.windows.net', true],
    ['database.windows.net', '*.database.windows.net', false],
    ['sql-1.database.windows.net.evil.example', '*.database.windows.net', false],
    ['sql-1xdatabase.windows.net', '*.database.windows.net', false],
    ['sql-17.example', 'sql-1*.example', true],
    ['localhost', 'localhost', true],
    ['localhost', 'local', false],
    ['a-b-c.example', 'a*b*c.example', true],
    ['a-c-b.example', 'a*b*c.example', false],
    ['aba.x', 'ab*ba.x', false],
    ['abab.x', 'ab*ab.x', true],
    ['ab.x', 'a**b.x', true],
    ['anything', '*', true],
  ])('%s against %s: %s', (host, pattern, matches) => {
    expect(matchesServer(host, serverPattern(pattern))).toBe(matches);
  });

  test('a pattern of many stars is matched without backtracking', () => {
    expect(matchesServer('a'.repeat(253), `${'*a'.repeat(120)}*b`)).toBe(false);
    expect(matchesServer('a'.repeat(253), `${'*a'.repeat(120)}*`)).toBe(true);
  });

  test.each([
    ['SQL-1.Example.NET', 'sql-1.example.net'],
    ['sql-1.example.net.', 'sql-1.example.net'],
    [' *.Example.net ', '*.example.net'],
    ['.', 'localhost'],
    ['[0::1]', '::1'],
  ])('%j means %s', (text, pattern) => {
    expect(serverPattern(text)).toBe(pattern);
  });

  test.each([
    '',
    'tcp:sql-1',
    'sql-1,1433',
    'sql-1\\express',
    '*.',
    '*.example.net.',
    '*#x',
    'ä.example',
    '[*]',
  ])('a pattern that no server fits is refused: %j', (text) => {
    const refused = expect.objectContaining({
      code: 'INVALID_CONFIGURATION',
      message: expect.stringContaining('MULTI_OUTBOX_SQL_ALLOWED_SERVERS'),
    });
    expect(() => createSqlServerEngine({ allowedServers: [text] })).toThrow(refused);
  });

  test.each(['10.0.*', 'sql-*', '*.database.*', 'sql.example.c*m', '**'])(
    'F10: a pattern that foreign servers fit is refused: %j',
    (text) => {
      const refused = expect.objectContaining({
        code: 'INVALID_CONFIGURATION',
        message: expect.stringMatching(/MULTI_OUTBOX_SQL_ALLOWED_SERVERS.*a domain of your own/),
      });
      expect(() => createSqlServerEngine({ allowedServers: [text] })).toThrow(refused);
    },
  );

  test('a tenant on another server is refused by name', () => {
    expect(() => assertServerAllowed('sql.evil.example', cloudServers, 'acme')).toThrow(
      expect.objectContaining({
        code: 'INVALID_TENANT',
        tenantId: 'acme',
        message: expect.stringContaining('sql.evil.example'),
      }),
    );
    expect(() => assertServerAllowed('a.database.windows.net', cloudServers, 'acme')).not.toThrow();
  });

  test('a row that was written by plain SQL is checked again before its database is opened', async () => {
    const engine = createSqlServerEngine({ env: {} });
    const address = {
      id: 'acme',
      database: 'd',
      auth: { kind: 'managed-identity' },
      schema: 'messaging',
    } as const;
    const refused = expect.objectContaining({ code: 'INVALID_TENANT', tenantId: 'acme' });
    for (const server of ['evil.example', 'evil.example#.database.windows.net', '\u00a0', 'a,1,2']) {
      expect(() => engine.openTenant({ ...address, server })).toThrow(refused);
      expect(() => engine.databaseKey({ ...address, server })).toThrow(refused);
    }
    await engine.close();
  });
});
