/** D8: what a tenant's server answers neither blocks the process nor fills its memory. The servers are on loopback. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import {
  type Answer,
  failed,
  framed,
  loggedIn,
  messageType,
  packetSizeChange,
  TdsServer,
  tokens,
} from '../../support/tds-server.ts';

/** Calls the server's registry and returns the error. */
async function call(server: TdsServer, requestTimeoutMs = 60_000) {
  const engine = createSqlServerEngine({
    registry: `mssql://u:p@127.0.0.1:${server.port}/registry?encrypt=false`,
    connectTimeoutMs: 60_000,
    requestTimeoutMs,
  });
  return engine
    .openRegistry()
    .leases.list()
    .then(
      () => null,
      (thrown: Error) => thrown,
    )
    .finally(() => engine.close());
}

const inAnswerTo =
  (kind: number, answer: Buffer): Answer =>
  ({ type }) =>
    type === kind ? answer : undefined;

const refusedAnswer = (what: RegExp) => ({
  code: 'DATABASE_ERROR',
  transient: false,
  message: expect.stringMatching(
    new RegExp(
      `^the registry \\(127\\.0\\.0\\.1,\\d+/registry\\): .*${what.source}.*; check that the name and the port are those of a SQL Server`,
    ),
  ),
});

describe('D8: sizes of packets', () => {
  test('D8: a packet size of 0 does not stop the process', async () => {
    await using server = await TdsServer.start({
      answer: inAnswerTo(messageType.login, Buffer.concat([packetSizeChange('0'), loggedIn, tokens.done])),
    });
    // A process of its own, which can be stopped when it loops.
    const engine = path.join(__dirname, '../../../src/engine/sqlserver/index.ts');
    const program = `
      const { createSqlServerEngine } = await import(${JSON.stringify(engine)});
      const engine = createSqlServerEngine({ registry: 'mssql://u:p@127.0.0.1:${server.port}/r?encrypt=false', connectTimeoutMs: 200_000 });
      await engine.openRegistry().leases.list().catch((error) => console.log(error.message));
      await engine.close();`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program],
      { timeout: 200_000 },
    );
    expect(stdout).toMatch(/sets a packet size of 0 bytes/);
  }, 240_000);

  test.each(['', '8', '511', '32768', '100000', '-1', 'Infinity'])(
    'D8: a login that is answered with the size ‘%s’ fails',
    async (size) => {
      await using server = await TdsServer.start({
        answer: inAnswerTo(messageType.login, Buffer.concat([packetSizeChange(size), loggedIn, tokens.done])),
      });
      expect(await call(server)).toMatchObject(refusedAnswer(/sets a packet size of \S+ bytes/));
      expect(server.messages.some(({ type }) => type === messageType.batch)).toBe(false);
    },
  );

  test.each(['512', '32767'])('D8: the size %s is used', async (size) => {
    await using server = await TdsServer.start({
      answer: inAnswerTo(messageType.login, Buffer.concat([packetSizeChange(size), loggedIn, tokens.done])),
    });
    await call(server);
    expect(server.procedures).toHaveLength(1);
  });

  test('D8: a size that comes with the answer to a call ends the connection', async () => {
    await using server = await TdsServer.start({
      answer: inAnswerTo(messageType.procedure, Buffer.concat([packetSizeChange('0'), tokens.done])),
    });
    expect(await call(server)).toMatchObject(refusedAnswer(/packet size of 0 bytes/));
  });
});

describe('D8: lengths of answers', () => {
  /** Packets of a message that does not end, without a pause, until the connection is closed. */
  const endless =
    (kind: number, first: Buffer, next: Buffer): Answer =>
    ({ type, socket }) => {
      if (type !== kind) return undefined;
      socket.write(framed(messageType.answer, first, false));
      const packet = framed(messageType.answer, next, false);
      const send = () => {
        while (!socket.destroyed && socket.write(packet));
      };
      socket.on('drain', send);
      send();
      return null;
    };
  const zeros = Buffer.alloc(32_000);

  test('D8: an endless prelogin answer ends the connection', async () => {
    await using server = await TdsServer.start({ answer: endless(messageType.prelogin, zeros, zeros) });
    expect(await call(server)).toMatchObject(refusedAnswer(/answer has more than 1048576 bytes/));
  });

  test('D8: a token of 4 GB in the answer to a login ends the connection', async () => {
    // The features that the server knows; the first one has 4 GB of data.
    const feature = Buffer.from([0xae, 0x09, 0xff, 0xff, 0xff, 0xff]);
    await using server = await TdsServer.start({ answer: endless(messageType.login, feature, zeros) });
    expect(await call(server)).toMatchObject(refusedAnswer(/answer has more than 1048576 bytes/));
  });

  test('D8: endless rows end the connection', async () => {
    // A record set without columns, whose rows have one byte each.
    const columns = Buffer.from([0x81, 0, 0]);
    const rows = Buffer.alloc(32_000, 0xd1);
    await using server = await TdsServer.start({ answer: endless(messageType.procedure, columns, rows) });
    expect(await call(server)).toMatchObject(refusedAnswer(/answer has more than 20000000 values/));
  }, 120_000);

  test('D8: endless transactions, which the driver keeps, end the connection', async () => {
    // The change of the environment to a transaction without a number.
    const begun = Buffer.from([0xe3, 3, 0, 8, 0, 0]);
    const many = Buffer.concat(Array<Buffer>(5_000).fill(begun));
    await using server = await TdsServer.start({ answer: endless(messageType.procedure, begun, many) });
    expect(await call(server)).toMatchObject(refusedAnswer(/answer has more than 20000000 values/));
  }, 120_000);

  test('D8: output parameters count', async () => {
    // Record sets without columns, each of which counts a hundred, up to a hundred below the limit.
    const recordSets = Buffer.concat(Array<Buffer>(199_999).fill(Buffer.from([0x81, 0, 0])));
    // The first parameter, without a name: the tinyint 1. Each counts eight.
    const value = Buffer.from([0xac, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x30, 1]);
    const answerWith = (parameters: number): Answer => {
      const end = Buffer.concat([...Array<Buffer>(parameters).fill(value), tokens.done]);
      return ({ type, socket }) => {
        if (type !== messageType.procedure) return undefined;
        for (let at = 0; at < recordSets.length; at += 30_000)
          socket.write(framed(messageType.answer, recordSets.subarray(at, at + 30_000), false));
        return end;
      };
    };
    await using tolerable = await TdsServer.start({ answer: answerWith(12) });
    expect(await call(tolerable)).not.toMatchObject(refusedAnswer(/values/));
    await using server = await TdsServer.start({ answer: answerWith(13) });
    expect(await call(server)).toMatchObject(refusedAnswer(/answer has more than 20000000 values/));
  }, 120_000);

  test('D8: a column without a type, whose values have no bytes, ends the connection', async () => {
    const column = Buffer.from([0, 0, 0, 0, 1, 0, 0x1f, 0]);
    const answer = Buffer.concat([Buffer.from([0x81, 1, 0]), column, Buffer.from([0xd1]), tokens.done]);
    await using server = await TdsServer.start({ answer: inAnswerTo(messageType.procedure, answer) });
    expect(await call(server)).toMatchObject(refusedAnswer(/answer has a column without a type/));
  });

  test('D8: too many errors end the connection', async () => {
    const errors = Buffer.concat(Array.from({ length: 1_001 }, () => tokens.error(50_000, '')));
    await using server = await TdsServer.start({
      answer: inAnswerTo(messageType.procedure, Buffer.concat([errors, failed(50_000, '')])),
    });
    expect(await call(server)).toMatchObject(refusedAnswer(/answer has more than 1000 errors/));
  });

  test('D8: an answer that begins and does not end is given up after the time limit', async () => {
    await using server = await TdsServer.start({
      answer({ type, socket }) {
        if (type !== messageType.procedure) return undefined;
        socket.write(framed(messageType.answer, Buffer.from([0x81]), false));
        return null;
      },
    });
    const error = await call(server, 100);
    expect(error).toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringMatching(
        /the call was not finished in time \(the answer was not complete in 100 ms\)/,
      ),
    });
  }, 60_000);

  test('D8: an answer that cannot be read, to a call that was cancelled, does not end the process', async () => {
    await using server = await TdsServer.start({
      answer({ type }) {
        if (type === messageType.procedure) return null;
        // There is no such token.
        return type === messageType.attention ? Buffer.from([0]) : undefined;
      },
    });
    expect(await call(server, 100)).toMatchObject({ code: 'DATABASE_UNREACHABLE' });
  }, 60_000);
});
