/**
 * Errors that quote what a caller, an operator or a server has written: one line of bounded length with a code, on both
 * engines. The SQL Server is on loopback and executes no SQL.
 */
import { createSqlServerEngine } from '../../src/engine/sqlserver/index.ts';
import { describeError } from '../../src/errors.ts';
import { defineHandler, loadSettings } from '../../src/index.ts';
import type { MultiOutbox } from '../../src/multi-outbox.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import {
  type Answer,
  failed,
  messageType,
  packetSizeChange,
  redirected,
  TdsServer,
} from '../support/tds-server.ts';

const place = new FleetPlace();

const texts: readonly (readonly [string, string])[] = [
  ['lines', 'a\nb\r\nc\u2028d\u2029e\n'],
  ['1 MB', 'x'.repeat(1_000_000)],
  ['1 MB of lines', 'x\n'.repeat(500_000)],
  ['quotes', `'"\\;=${'\n'}{}[]--/*%s%n`],
];

const oneLine = {
  name: 'MultiOutboxError',
  code: expect.stringMatching(/^[A-Z_]{5,30}$/),
  message: expect.stringMatching(/^[^\n\r\u2028\u2029]{10,2000}$/),
};

const message = { topic: 'orders', payload: 1 };
const handle = () => {};
const id = '5f3759df-0000-4000-8000-000000000000';

const calls: readonly (readonly [string, (face: MultiOutbox, text: string) => unknown])[] = [
  ['the id of a tenant that is unknown', (face, text) => face.outbox(text).enqueue(message)],
  ['the id of a tenant to dispatch', (face, text) => face.dispatch({ tenantId: text })],
  ['the id of a tenant to wake', (face, text) => face.wake([text])],
  ['the id of a tenant to read', (face, text) => face.tenants.get(text)],
  ['the id of a new tenant', (face, text) => face.tenants.add({ id: text })],
  ['the database of a new tenant', (face, text) => face.tenants.add({ id: 'b', database: `../${text}` })],
  ['the server of a new tenant', (face, text) => face.tenants.add({ id: 'b', server: text })],
  ['the schema of a new tenant', (face, text) => face.tenants.add({ id: 'b', schema: text } as never)],
  ['a field of a new tenant', (face, text) => face.tenants.add({ id: 'b', [text]: 1 } as never)],
  ['a status of tenants', (face, text) => face.tenants.list({ status: text as never })],
  ['a topic', (face, text) => face.outbox('acme').enqueue({ ...message, topic: ` ${text}` })],
  ['a header', (face, text) => face.outbox('acme').enqueue({ ...message, headers: { [text]: 1 as never } })],
  ['a message id', (face, text) => face.outbox('acme').enqueue({ ...message, messageId: text })],
  ['a source', (face, text) => face.inbox('acme').receive({ ...message, source: ` ${text}`, messageId: id })],
  ['the name of a lease', (face, text) => face.leases('acme').acquire(` ${text} `)],
  ['a transaction', (face, text) => face.outbox('acme').enqueue(message, text as never)],
  ['the registry', (_, text) => place.face({ registry: text }).migrate({ tenants: [] })],
  ['the file of the registry', (_, text) => place.face({ registry: `sqlite:${text}` }).tenants.list()],
  [
    'the registry’s server',
    (_, text) => place.face({ registry: `mssql://${text}/db` }).migrate({ tenants: [] }),
  ],
  [
    'a parameter of the registry',
    (_, text) => place.face({ registry: `mssql://s/db?${text}=1` }).migrate({ tenants: [] }),
  ],
  [
    'a connection string',
    (_, text) =>
      place
        .face({ registry: `mssql:Server=s;Database=d;${text}=1;Encrypt=${text}` })
        .migrate({ tenants: [] }),
  ],
  ['a setting', (_, text) => loadSettings({ MULTI_OUTBOX_BATCH_BYTES: text } as never)],
  [
    'a topic with two handlers',
    (_, text) => {
      const topic = `t${text.slice(0, 100)}t`;
      return place.face({ handlers: [defineHandler({ topic, handle }), defineHandler({ topic, handle })] });
    },
  ],
  ['a topic of a handler', (_, text) => defineHandler({ topic: ` ${text}`, handle })],
];

const refuse =
  (kind: number, answer: Buffer): Answer =>
  ({ type }) =>
    type === kind ? answer : undefined;

/** A server's texts have at most 32,000 characters. */
const served = (text: string) => text.slice(0, 16_000);

const answers: readonly (readonly [string, (text: string) => Answer])[] = [
  ['a login', (text) => refuse(messageType.login, failed(18_456, served(text)))],
  ['a login to a database', (text) => refuse(messageType.login, failed(4_060, served(text)))],
  ['a redirect', (text) => refuse(messageType.login, redirected(served(text), 1))],
  ['a call', (text) => refuse(messageType.procedure, failed(515, served(text)))],
  ['a right', (text) => refuse(messageType.procedure, failed(229, served(text)))],
  ['a value', (text) => refuse(messageType.procedure, failed(51_025, served(text)))],
  [
    'a call, with an error of Babelfish',
    (text) => refuse(messageType.procedure, failed(33_557_097, served(text))),
  ],
  ['a size of packets', (text) => refuse(messageType.login, packetSizeChange(text.slice(0, 255)))],
];

describe.each(calls)('%s', (_, call) => {
  test.each(texts)('of %s gives an error with a code on one line', async (_name, text) => {
    const face = await place.fleet(['acme'], { handlers: noting().handlers });
    const error = await Promise.resolve(face)
      .then((given) => call(given, text))
      .then(
        (result) => ({ result }),
        (thrown: unknown) => thrown,
      );
    expect(error).toMatchObject(oneLine);
  });
});

describe.each(answers)('a server that refuses %s', (_, answer) => {
  test.each(texts)('by %s gives an error with a code on one line', async (_name, text) => {
    await using server = await TdsServer.start({ answer: answer(text) });
    const engine = createSqlServerEngine({
      registry: `mssql://u:p@127.0.0.1:${server.port}/registry?encrypt=false`,
      connectTimeoutMs: 60_000,
    });
    try {
      const error = await engine
        .openRegistry()
        .leases.list()
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject(oneLine);
      expect((error as Error).message).toMatch(/^the registry \(127\.0\.0\.1,\d+\/registry\): /);
    } finally {
      await engine.close();
    }
  });
});

describe.each(texts)('an error of other code, with %s', (_, text) => {
  test('is reported on one line', () => {
    const error = new Error(text);
    error.name = text;
    expect(describeError(error)).toMatchObject({ code: 'INTERNAL', message: oneLine.message });
    expect(describeError(new Error(text)).message).toMatch(/^Error: /);
  });
});
