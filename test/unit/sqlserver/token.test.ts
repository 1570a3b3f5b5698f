/** F10: a server chooses neither what a token is for nor where it goes. The servers are on loopback and execute no SQL. */
import { classify } from '../../../src/engine/sqlserver/errors.ts';
import { createSqlServerEngine, type SqlServerEngineOptions } from '../../../src/engine/sqlserver/index.ts';
import { type Answer, messageType, redirected, TdsServer, tokenWanted } from '../../support/tds-server.ts';

/** Answers logins in this way, and everything else as usual. */
const onLogin =
  (answer: Buffer): Answer =>
  ({ type }) =>
    type === messageType.login ? answer : undefined;

/** A call by token to the server's registry; returns what the credential was asked for. */
async function call(server: TdsServer, options: SqlServerEngineOptions = {}) {
  const asked: (string | string[])[] = [];
  const engine = createSqlServerEngine({
    registry: `mssql://127.0.0.1:${server.port}/registry?encrypt=false`,
    credential: () => ({
      async getToken(scopes) {
        asked.push(scopes);
        return { token: 'secret token', expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    }),
    ...options,
  });
  const error = await engine
    .openRegistry()
    .leases.list()
    .then(
      () => null,
      (thrown: Error) => thrown,
    )
    .finally(() => engine.close());
  return { asked, error, tokens: server.messages.filter(({ type }) => type === messageType.token).length };
}

test.each([
  ['https://database.windows.net/', 'https://database.windows.net/.default'],
  ['https://database.windows.net', 'https://database.windows.net/.default'],
  ['https://database.usgovcloudapi.net/', 'https://database.usgovcloudapi.net/.default'],
  ['https://DATABASE.chinacloudapi.cn//', 'https://database.chinacloudapi.cn/.default'],
])('F10: a token for SQL in one of the clouds, %s, is given', async (service, scope) => {
  await using server = await TdsServer.start({ answer: onLogin(tokenWanted(service)) });
  const { asked, tokens } = await call(server);
  expect(asked).toEqual([scope]);
  expect(tokens).toBe(1);
  expect(server.logins).toBe(1);
});

test.each([
  'https://vault.azure.net',
  'https://management.azure.com/',
  'https://database.windows.net.evil.example/',
  'https://database.windows.net@evil.example/',
  'https://user@database.windows.net/',
  'https://database.windows.net:444/',
  'https://database.windows.net./',
  'http://database.windows.net/',
  'https://graph.microsoft.com/.default#https://database.windows.net/',
  'api://database.windows.net',
])('F10: no token for %s is asked for or sent', async (service) => {
  await using server = await TdsServer.start({
    answer: onLogin(tokenWanted(service, 'https://evil.example/')),
  });
  const { asked, tokens, error } = await call(server);
  expect(error).toMatchObject({
    code: 'LOGIN_REFUSED',
    transient: false,
    message: expect.stringMatching(
      /^the registry \(127\.0\.0\.1,.* asks for a token for .* no token was sent; check/,
    ),
  });
  expect(asked).toEqual([]);
  expect(tokens).toBe(0);
});

test('F10: no token is sent when a server asks for one for a text that is not a URL', async () => {
  await using server = await TdsServer.start({ answer: onLogin(tokenWanted('not a URL')) });
  const { asked, tokens, error } = await call(server);
  expect(error).not.toBeNull();
  expect(asked).toEqual([]);
  expect(tokens).toBe(0);
  // As the driver throws it; here it is an error of another realm, which mssql does not recognise.
  const thrown = { originalError: { code: 'ERR_INVALID_URL', input: '/.default', base: 'not a URL' } };
  expect(classify(thrown, 'connecting')).toMatchObject({
    code: 'LOGIN_REFUSED',
    advice: expect.stringContaining('asks for a token for "not a URL"'),
  });
});

test.each([
  ['any other host', 'localhost', undefined],
  ['a text that is more than a host', '127.0.0.1#.database.windows.net', undefined],
  ['a host that is not listed', 'localhost', ['127.0.0.1', '*.example.net']],
])('F10: a server cannot redirect a token to %s', async (_, host, allowedServers) => {
  await using other = await TdsServer.start();
  await using server = await TdsServer.start({ answer: onLogin(redirected(host, other.port)) });
  const { asked, error } = await call(server, allowedServers && { allowedServers });
  expect(error).toMatchObject({
    code: 'LOGIN_REFUSED',
    message: expect.stringMatching(/redirects to .*MULTI_OUTBOX_SQL_ALLOWED_SERVERS/),
  });
  expect(asked).toEqual([]);
  expect(other.connections).toBe(0);
});

test('F10: a server may redirect a token to a host that may receive tokens', async () => {
  await using other = await TdsServer.start();
  await using server = await TdsServer.start({ answer: onLogin(redirected('LOCALHOST', other.port)) });
  const { asked } = await call(server, { allowedServers: ['127.0.0.1', 'localhost'] });
  expect(asked).toHaveLength(1);
  expect(other.logins).toBe(1);
});

test('a login by password follows a redirect', async () => {
  await using other = await TdsServer.start();
  await using server = await TdsServer.start({ answer: onLogin(redirected('localhost', other.port)) });
  await call(server, { registry: `mssql://u:p@127.0.0.1:${server.port}/registry?encrypt=false` });
  expect(other.logins).toBe(1);
});

test.each([
  [
    'fails',
    async () => {
      throw new Error('no identity here');
    },
    'no identity here',
  ],
  ['has none', async () => null, 'null'],
])('when the credential %s, the error says so', async (_, getToken, what) => {
  await using server = await TdsServer.start();
  const { error, tokens } = await call(server, { credential: () => ({ getToken }) });
  expect(error).toMatchObject({
    code: 'LOGIN_REFUSED',
    message: expect.stringMatching(
      new RegExp(`credential gave no token \\(.*${what}.*\\); give the process`),
    ),
  });
  expect(tokens).toBe(0);
});
