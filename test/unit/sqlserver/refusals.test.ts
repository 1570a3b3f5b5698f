/**
 * The errors that callers get when a server refuses a call or a login. The server is on loopback and executes no SQL.
 */
import type { Engine, TenantDatabase } from '../../../src/engine/engine.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import {
  type Answer,
  contains,
  failed,
  messageType,
  row,
  TdsServer,
  tokens,
} from '../../support/tds-server.ts';

const lockTimeout = failed(1222, 'Lock request time out period exceeded.');
const message = {
  messageId: '5f3759df-0000-4000-8000-000000000000',
  topic: 'work',
  payload: '{}',
  dedupKey: 'k',
};

async function withServer(
  answer: Answer,
  work: (database: TenantDatabase, server: TdsServer, engine: Engine) => Promise<void>,
): Promise<void> {
  await using server = await TdsServer.start({ answer });
  const connectionString = `Server=127.0.0.1,${server.port};User Id=u;Password=p;Encrypt=false`;
  const engine = createSqlServerEngine({ env: { ACME: connectionString } });
  const auth = { kind: 'setting', name: 'ACME' } as const;
  const address = { id: 'acme', server: '', database: 'acme', auth, schema: 'messaging' };
  try {
    await work(engine.openTenant(address), server, engine);
  } finally {
    await engine.close();
  }
}

const refuse =
  (answer: Buffer): Answer =>
  ({ type }) =>
    type === messageType.procedure ? answer : undefined;

test.each([
  ['one message', [message]],
  ['several messages', [message, { ...message, messageId: '5f3759df-0000-4000-8000-000000000001' }]],
])(
  'Q3: an enqueue of %s that waited for a dedup key is sent once, and its error names the cause',
  async (_, messages) => {
    await withServer(refuse(lockTimeout), async (database, server) => {
      await expect(database.queue('outbox').enqueue(messages)).rejects.toMatchObject({
        code: 'DATABASE_LOCKED',
        tenantId: 'acme',
        transient: true,
        message: expect.stringMatching(
          /^tenant 'acme' .*another open transaction has stored a message with the same dedup key.*commit or roll back that transaction, then try again$/,
        ),
      });
      expect(server.procedures).toHaveLength(1);
    });
  },
);

test('a call of a lease that waited for a lock is sent again', async () => {
  let calls = 0;
  const answer: Answer = ({ type }) =>
    type === messageType.procedure && ++calls === 1 ? lockTimeout : undefined;
  await withServer(answer, async (database, server) => {
    await database.leases.list().catch(() => {});
    expect(server.procedures).toHaveLength(2);
  });
});

test('F1: a database that does not exist is named as the cause, whatever the server says after that', async () => {
  const noDatabase = Buffer.concat([
    tokens.error(4060, 'Cannot open database "acme" requested by the login. The login failed.'),
    failed(18456, "Login failed for user 'u'."),
  ]);
  const answer: Answer = ({ type }) => (type === messageType.login ? noDatabase : undefined);
  await withServer(answer, async (database) => {
    await expect(database.schema.version()).rejects.toMatchObject({
      code: 'LOGIN_REFUSED',
      message: expect.stringContaining('the server has no database of this name'),
    });
  });
});

test.each([
  [
    'compatibility level',
    { Edition: 3, MajorVersion: 16, Level: 120 },
    /level is 120.*SET COMPATIBILITY_LEVEL = 150$/,
  ],
  ['version', { Edition: 2, MajorVersion: 14, Level: 140 }, /version 14.*upgrade the server$/],
])(
  'migrate refuses a %s that is too old before its first step, also a dry run',
  async (_, facts, message) => {
    const answer: Answer = (request) => {
      if (contains(request, 'compatibility_level')) return row({ Babelfish: null, ...facts });
      return contains(request, 'OBJECT_ID') ? row({ Id: null }) : undefined;
    };
    await withServer(answer, async ({ schema }, server) => {
      const refusal = {
        code: 'DATABASE_UNSUPPORTED',
        tenantId: 'acme',
        message: expect.stringMatching(message),
      };
      await expect(schema.migrate({ dryRun: true })).rejects.toMatchObject(refusal);
      await expect(schema.migrate()).rejects.toMatchObject(refusal);
      expect(server.messages.filter(({ type }) => type === messageType.transaction)).toEqual([]);
    });
  },
);
