/**
 * A minimal SQL Server: it accepts any login, answers every batch with an empty result, and never answers
 * procedure calls. It measures a program's time until its first call, without the time of a real database.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** Types of packets (MS-TDS 2.2.3.1.1). */
const packet = { batch: 0x01, answer: 0x04, login: 0x10, prelogin: 0x12 } as const;
const headerBytes = 8;

/** The answer to a prelogin: version 0, and no encryption. */
const preloginAnswer = Buffer.from('00000b0006010011' + '0001ff' + '0f0007d00000' + '02', 'hex');
/** The token that ends an answer without an error and without rows. */
const done = Buffer.from([0xfd, ...Array(12).fill(0)]);
/** The answer to a login: a program called 'SQL' accepts it, as TDS 7.4. */
const loginAnswer = Buffer.concat([
  Buffer.from('ad' + '1000' + '01' + '74000004' + '03', 'hex'),
  Buffer.from('SQL', 'utf16le'),
  Buffer.from('0f0007d0', 'hex'),
  done,
]);

const answers = new Map<number, Buffer>([
  [packet.prelogin, preloginAnswer],
  [packet.login, loginAnswer],
  [packet.batch, done],
]);

export interface TdsListener extends AsyncDisposable {
  readonly port: number;
}

export async function listenForTds(): Promise<TdsListener> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    let received = Buffer.alloc(0);
    socket.on('data', (part) => {
      received = Buffer.concat([received, part]);
      while (received.length >= headerBytes && received.length >= received.readUInt16BE(2)) {
        const [type, status] = received;
        received = received.subarray(received.readUInt16BE(2));
        const answer = answers.get(type!);
        // Answer only when the last packet of a message has come.
        if (answer !== undefined && status! & 1) socket.write(framed(answer));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function framed(payload: Buffer): Buffer {
  const header = Buffer.from([packet.answer, 1, 0, 0, 0, 0, 1, 0]);
  header.writeUInt16BE(headerBytes + payload.length, 2);
  return Buffer.concat([header, payload]);
}
