/**
 * Each undocumented part of the driver in turn is missing or not used, in the copy of the driver that this file loads. A
 * login to a server on loopback, which executes no SQL, then fails before the first call is sent.
 */
import { createRequire } from 'node:module';
import { expectedVersions } from '../../../src/engine/sqlserver/driver-probe.ts';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { messageType, recordSet, TdsServer, tokens } from '../../support/tds-server.ts';

type Class = { readonly prototype: Record<string, unknown> };

const ofMssql = createRequire(createRequire(__filename).resolve('mssql'));
const driver = ofMssql('mssql') as Record<'ConnectionPool' | 'Transaction', Class>;
const { Connection } = ofMssql('tedious') as { Connection: Class };
const MessageIO = ofMssql('tedious/lib/message-io') as Class;
const { Parser } = ofMssql('tedious/lib/token/token-stream-parser') as { Parser: Class };
const handlers = Object.values(ofMssql('tedious/lib/token/handler') as Record<string, Class>).filter(
  (one) => typeof one.prototype?.onRow === 'function',
);

const undo: (() => void)[] = [];
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each();
});

/** Gives a class a property until the end of the test. */
function define({ prototype }: Class, name: string, property: PropertyDescriptor): void {
  const before = Object.getOwnPropertyDescriptor(prototype, name);
  undo.push(() => {
    delete prototype[name];
    if (before !== undefined) Object.defineProperty(prototype, name, before);
  });
  const writable = 'value' in property && { writable: true };
  Object.defineProperty(prototype, name, { configurable: true, ...writable, ...property });
}

const lack = (name: string, ...classes: readonly Class[]) => {
  for (const one of classes) define(one, name, { value: undefined });
};

/** Runs `change` on an object whenever the driver calls its method, before the method. */
function before<T extends object>(one: Class, method: string, change: (object: T) => void): void {
  const original = one.prototype[method] as (...args: unknown[]) => unknown;
  define(one, method, {
    value(this: T, ...args: unknown[]) {
      change(this);
      return original.apply(this, args);
    },
  });
}

/** Runs `change` on an object and on the answer of its asynchronous method. */
function after<T extends object>(
  one: Class,
  method: string,
  change: (object: T, answer: object) => void,
): void {
  const original = one.prototype[method] as (...args: unknown[]) => Promise<object>;
  define(one, method, {
    async value(this: T, ...args: unknown[]) {
      const answer = await original.apply(this, args);
      change(this, answer);
      return answer;
    },
  });
}

/** Makes one call, and expects that the driver is refused with a message that names its part. */
async function expectRefused(part: string): Promise<void> {
  const { error, messages } = await call();
  expect(error).toMatchObject({ code: 'DRIVER_UNSUPPORTED', message: expect.stringContaining(`${part};`) });
  expect((error as Error).message).toContain(
    `expected mssql ${expectedVersions.mssql} with tedious ${expectedVersions.tedious}, found mssql `,
  );
  expect(messages).not.toContain(messageType.procedure);
}

async function call(answer?: Buffer): Promise<{ error: unknown; messages: number[] }> {
  await using server = await TdsServer.start({
    answer: ({ type }) => (type === messageType.procedure ? answer : undefined),
  });
  const engine = createSqlServerEngine({
    registry: `mssql://u:p@127.0.0.1:${server.port}/registry?encrypt=false`,
    connectTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
  });
  const error = await engine
    .openRegistry()
    .leases.list()
    .then(
      () => null,
      (thrown: unknown) => thrown,
    )
    .finally(() => engine.close());
  return { error, messages: server.messages.map(({ type }) => type) };
}

test('D8: the installed driver passes', async () => {
  const { error, messages } = await call();
  expect(error).not.toMatchObject({ code: 'DRIVER_UNSUPPORTED' });
  expect(messages).toContain(messageType.procedure);
});

test.each([
  ['Connection', 'createTokenStreamParser', [Connection]],
  ['MessageIO', 'packetSize', [MessageIO]],
  ['MessageIO', 'readMessage', [MessageIO]],
  ['Parser', 'on', [Parser]],
  ['TokenHandler', 'onBeginTransaction', handlers],
  ['TokenHandler', 'onColMetadata', handlers],
  ['TokenHandler', 'onErrorMessage', handlers],
  ['TokenHandler', 'onReturnValue', handlers],
  ['TokenHandler', 'onRow', handlers],
])('D8: a driver that lacks %s.%s is refused', async (name, member, classes) => {
  expect(classes.every((one) => typeof one.prototype[member] === 'function')).toBe(true);
  lack(member, ...classes);
  await expectRefused(`lacks ${name}.${member}`);
});

test.each(['inTransaction', 'closed'])('D8: a driver that lacks Connection.%s is refused', async (flag) => {
  define(Connection, flag, { get: () => undefined, set() {} });
  await expectRefused(`lacks Connection.${flag}`);
});

test('D8: a driver whose answers are no transform streams is refused', async () => {
  after(MessageIO, 'readMessage', (_, answer) =>
    Object.defineProperty(answer, '_transform', { value: undefined }),
  );
  await expectRefused('lacks Message._transform');
});

const parts: readonly [part: string, pass: () => void][] = [
  [
    'beforeConnect',
    () =>
      before<{ config: object }>(driver.ConnectionPool, '_poolCreate', ({ config }) => {
        (config as { beforeConnect?: unknown }).beforeConnect = undefined;
      }),
  ],
  [
    'Connection.messageIo',
    () => after<{ messageIo?: unknown }>(Connection, 'connectOnPort', (one) => delete one.messageIo),
  ],
  [
    'Connection.createTokenStreamParser',
    () =>
      after<{ createTokenStreamParser?: unknown }>(
        Connection,
        'connectOnPort',
        (one) => delete one.createTokenStreamParser,
      ),
  ],
  [
    'MessageIO.readMessage',
    () =>
      before<{ messageIo: { readMessage?: unknown } }>(
        Connection,
        'sendPreLogin',
        ({ messageIo }) => delete messageIo.readMessage,
      ),
  ],
];

test.each(parts)('D8: a driver that has but does not use %s is refused', async (part, pass) => {
  pass();
  await expectRefused(`does not use ${part}`);
});

test('D8: a driver that connects without the arguments of options.connector is refused', async () => {
  before<{ config: { options: { connector(...args: unknown[]): unknown } } }>(
    Connection,
    'connect',
    ({ config: { options } }) => {
      const { connector } = options;
      options.connector = () => connector();
    },
  );
  await expectRefused('does not pass the server and a signal to options.connector');
});

test.each([
  ['columns', undefined],
  ['columns[].type.name', [{ type: 'int' }]],
])('D8: an answer is refused whose columns the guard cannot read: %s', async (member, columns) => {
  for (const one of handlers)
    before<object>(one, 'onColMetadata', () => {
      throw new Error('the guard has let it pass');
    });
  const parse = Connection.prototype.createTokenStreamParser as (...args: unknown[]) => unknown;
  define(Connection, 'createTokenStreamParser', {
    value(this: object, message: unknown, handler: { onColMetadata(token: object): void }) {
      const { onColMetadata } = handler;
      handler.onColMetadata = (token) => onColMetadata.call(handler, { ...token, columns });
      return parse.call(this, message, handler);
    },
  });
  const { error } = await call(Buffer.concat([recordSet({ Name: 'x' }), tokens.done]));
  expect(error).toMatchObject({
    code: 'DRIVER_UNSUPPORTED',
    message: expect.stringContaining(`lacks ColMetadataToken.${member};`),
  });
});
