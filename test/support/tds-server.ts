/**
 * A minimal SQL Server on loopback: it accepts any login, by password or by token, in plain text or encrypted. It keeps
 * all packets that it receives, and answers procedure calls as a test says. It executes no SQL.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import tlsOptions from 'smtp-server/lib/tls-options.js';

/** Types of messages (MS-TDS 2.2.3.1.1). */
export const messageType = {
  batch: 0x01,
  procedure: 0x03,
  answer: 0x04,
  attention: 0x06,
  token: 0x08,
  transaction: 0x0e,
  login: 0x10,
  prelogin: 0x12,
} as const;

export interface TdsMessage {
  readonly type: number;
  readonly payload: Buffer;
  /** Bytes of its packets, each with its header. */
  readonly packets: readonly number[];
  /** Connections are counted from 1. */
  readonly connection: number;
  /** The socket, for an answer in parts. */
  readonly socket: Socket;
}

/**
 * The server's answer to a message. Null: no answer, so the caller keeps waiting. Undefined: the server's own answer.
 */
export type Answer = (message: TdsMessage) => Buffer | null | undefined;

const headerBytes = 8;
const descriptor = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

const done = (status: number) => Buffer.from([0xfd, status, 0, ...Array(10).fill(0)]);

/** Tokens of which an answer consists; it ends with one of the first two. */
export const tokens = {
  done: done(0x00),
  /** The end of the answer to a cancelled request. */
  cancelled: done(0x20),
  begun: environmentChange(8, Buffer.concat([Buffer.from([8]), descriptor, Buffer.from([0])])),
  committed: environmentChange(9, Buffer.concat([Buffer.from([0, 8]), descriptor])),
  rolledBack: environmentChange(10, Buffer.concat([Buffer.from([0, 8]), descriptor])),
  error(number: number, text: string): Buffer {
    const words = Buffer.from(text, 'utf16le');
    const body = Buffer.alloc(8);
    body.writeInt32LE(number, 0);
    body.writeUInt8(1, 4);
    body.writeUInt8(16, 5);
    body.writeUInt16LE(text.length, 6);
    // The rest is empty: there is no name of a server or a procedure, and the line is 0.
    const payload = Buffer.concat([body, words, Buffer.alloc(6)]);
    return Buffer.concat([Buffer.from([0xaa]), lengthOf(payload), payload]);
  },
};

type Columns = Readonly<Record<string, string | number | bigint | boolean | Date | null>>;

/** One row, as the answer to a call: text, whole numbers (as bigint or int), bits and times; a text may be null. */
export function row(columns: Columns): Buffer {
  return Buffer.concat([recordSet(columns), done(0x00)]);
}

/** A record set, by default with one row, as a part of an answer that goes on. */
export function recordSet(columns: Columns, { isEmpty = false } = {}): Buffer {
  const [types, values]: [Buffer[], Buffer[]] = [[], []];
  for (const [name, value] of Object.entries(columns)) {
    const { type, data } = columnOf(value);
    // The column has no user type, and may be null.
    const head = Buffer.from([0, 0, 0, 0, 1, 0, ...type, name.length]);
    types.push(head, Buffer.from(name, 'utf16le'));
    values.push(data);
  }
  const count = Buffer.alloc(2);
  count.writeUInt16LE(Object.keys(columns).length);
  const rows = isEmpty ? [] : [Buffer.from([0xd1]), ...values];
  // The end of a statement's result within the procedure: it has a count of rows, and more results follow.
  const end = Buffer.from([0xff, 0x11, 0, 0, 0, isEmpty ? 0 : 1, ...Array(7).fill(0)]);
  return Buffer.concat([Buffer.from([0x81]), count, ...types, ...rows, end]);
}

/** A column's type, and a value as a row has it. */
function columnOf(value: Columns[string]): { type: number[]; data: Buffer } {
  if (typeof value === 'boolean') return { type: [0x68, 1], data: Buffer.from([1, Number(value)]) };
  if (typeof value === 'number') {
    const data = Buffer.from([4, 0, 0, 0, 0]);
    data.writeInt32LE(value, 1);
    return { type: [0x26, 4], data };
  }
  if (typeof value === 'bigint') {
    const data = Buffer.from([8, ...Array(8).fill(0)]);
    data.writeBigInt64LE(value, 1);
    return { type: [0x26, 8], data };
  }
  if (value instanceof Date) {
    // datetime2(3): milliseconds of the day, then days since 0001-01-01.
    const data = Buffer.alloc(8, 7);
    data.writeUInt32LE(value.getTime() % 86_400_000, 1);
    data.writeUIntLE(Math.floor(value.getTime() / 86_400_000) + 719_162, 5, 3);
    return { type: [0x2a, 3], data };
  }
  // nvarchar(4000), with the collation Latin1_General_CI_AS; 0xffff is null.
  const type = [0xe7, 0x40, 0x1f, 0x09, 0x04, 0xd0, 0x00, 0x34];
  if (value === null) return { type, data: Buffer.from([0xff, 0xff]) };
  const words = Buffer.from(value, 'utf16le');
  return { type, data: Buffer.concat([lengthOf(words), words]) };
}

/** Whether a message contains a text, such as a word of its SQL. */
export function contains({ payload }: TdsMessage, text: string): boolean {
  return payload.includes(Buffer.from(text, 'utf16le'));
}

/** A failed login or call. */
export function failed(number: number, text: string): Buffer {
  return Buffer.concat([tokens.error(number, text), done(0x02)]);
}

/** The name of the procedure that a message calls; null when it calls none. */
export function procedureOf({ type, payload }: TdsMessage): string | null {
  if (type !== messageType.procedure) return null;
  const headers = payload.readUInt32LE(0);
  const length = payload.readUInt16LE(headers) * 2;
  return payload.toString('utf16le', headers + 2, headers + 2 + length);
}

/** Begin's answer to a run that finds its queue empty. */
export const idleRun = {
  Lease: 'released',
  Fence: 0n,
  ExpiresInMs: 0n,
  More: false,
  NextDueInMs: null,
  Purged: 0,
  Recovered: 0,
  Throttled: false,
  OnlySolo: false,
  ParkedTopics: null,
  ParkedMore: false,
  ThrottledAfter: null,
  ParkedAfter: null,
  NowUtc: new Date(0),
};

/** The counts that follow it, of a queue in which nothing is stored. */
export const nothingStored = {
  Unblocked: 0,
  Due: 0,
  Throttled: 0,
  Members: 0,
  Blocked: 0,
  Dead: 0,
  IsEmpty: true,
  OldestDueAgeMs: null,
  Parked: null,
};

export class TdsServer implements AsyncDisposable {
  readonly port: number;
  /** All messages received, in order. */
  readonly messages: TdsMessage[] = [];
  /** Logins that were answered. */
  logins = 0;
  connections = 0;
  readonly #sockets: ReadonlySet<Socket>;
  readonly #stop: () => Promise<void>;

  /** Starts a server on which every run finds its queue empty. */
  static startIdle(): Promise<TdsServer> {
    const idle = row(idleRun);
    return TdsServer.start({
      answer: (message) => (procedureOf(message)?.endsWith('[Outbox_Begin]') ? idle : undefined),
    });
  }

  static async start(options: { answer?: Answer; encrypt?: boolean } = {}): Promise<TdsServer> {
    const sockets = new Set<Socket>();
    const listener = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
      server.#serve(socket, options);
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const server = new TdsServer((listener.address() as AddressInfo).port, sockets, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    });
    return server;
  }

  private constructor(port: number, sockets: ReadonlySet<Socket>, stop: () => Promise<void>) {
    this.port = port;
    this.#sockets = sockets;
    this.#stop = stop;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sockets.size;
  }

  /** The procedures called, in order. */
  get procedures(): string[] {
    return this.messages.map(procedureOf).filter((name) => name !== null);
  }

  /** Ends every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stop();
  }

  #serve(
    socket: Socket,
    { answer = () => undefined, encrypt = false }: { answer?: Answer; encrypt?: boolean },
  ) {
    const connection = ++this.connections;
    let stream: Duplex = socket;
    const read = new MessageReader((received) => {
      const message = { ...received, connection, socket };
      this.messages.push(message);
      if (message.type === messageType.login) this.#packetSize = message.payload.readUInt32LE(8);
      const given = answer(message);
      if (given === null) return;
      stream.write(framed(messageType.answer, given ?? this.#usual(message, encrypt)));
      if (message.type === messageType.prelogin && encrypt) {
        socket.removeAllListeners('data');
        stream = encrypted(socket);
        stream.on('data', (part) => read.push(part));
      }
    });
    socket.on('data', (part) => read.push(part));
  }

  #usual({ type, payload }: TdsMessage, encrypt: boolean): Buffer {
    switch (type) {
      case messageType.prelogin:
        // A version, and whether the connection is encrypted.
        return Buffer.from(`00000b00060100110001ff0f0007d00000${encrypt ? '01' : '02'}`, 'hex');
      case messageType.login: {
        // Bit 4 of the last flags: extensions follow, of which the driver has one for the token.
        const byToken =
          (payload.readUInt8(27) & 0x10) !== 0 && payload.includes(Buffer.from([0x02, 2, 0, 0, 0]));
        return byToken ? tokenWanted() : this.#welcome();
      }
      case messageType.token:
        return this.#welcome();
      case messageType.transaction: {
        const headers = payload.readUInt32LE(0);
        const kind = payload.readUInt16LE(headers);
        const change = { 5: tokens.begun, 7: tokens.committed, 8: tokens.rolledBack }[kind];
        return Buffer.concat([change!, tokens.done]);
      }
      case messageType.attention:
        return tokens.cancelled;
      default:
        return tokens.done;
    }
  }

  #packetSize = 0;

  #welcome(): Buffer {
    this.logins++;
    return Buffer.concat([packetSizeChange(String(this.#packetSize)), loggedIn, tokens.done]);
  }
}

/** Puts packets together to messages. */
class MessageReader {
  readonly #onMessage: (message: Pick<TdsMessage, 'type' | 'payload' | 'packets'>) => void;
  #received = Buffer.alloc(0);
  #payload: Buffer[] = [];
  #packets: number[] = [];

  constructor(onMessage: (message: Pick<TdsMessage, 'type' | 'payload' | 'packets'>) => void) {
    this.#onMessage = onMessage;
  }

  push(part: Buffer): void {
    this.#received = Buffer.concat([this.#received, part]);
    while (this.#received.length >= headerBytes && this.#received.length >= this.#received.readUInt16BE(2)) {
      const size = this.#received.readUInt16BE(2);
      const [type, status] = this.#received;
      this.#payload.push(this.#received.subarray(headerBytes, size));
      this.#packets.push(size);
      this.#received = this.#received.subarray(size);
      // Bit 0 marks the last packet of a message.
      if ((status! & 1) === 0) continue;
      const message = { type: type!, payload: Buffer.concat(this.#payload), packets: this.#packets };
      this.#payload = [];
      this.#packets = [];
      this.#onMessage(message);
    }
  }
}

/**
 * The answer to a login by token.
 * @param service what the token is to be for
 * @param issuer the address of the token service
 */
export function tokenWanted(
  service = 'https://database.windows.net/',
  issuer = 'https://login.windows.net/tenant',
): Buffer {
  const texts = [service, issuer].map((text) => Buffer.from(text, 'utf16le'));
  const list = Buffer.alloc(4 + 2 * 9);
  list.writeUInt32LE(2, 0);
  let at = list.length;
  for (const [index, text] of texts.entries()) {
    // 2 is the name of the service; 1 is the address of the token service.
    list.writeUInt8(2 - index, 4 + index * 9);
    list.writeUInt32LE(text.length, 5 + index * 9);
    list.writeUInt32LE(at, 9 + index * 9);
    at += text.length;
  }
  const length = Buffer.alloc(4);
  length.writeUInt32LE(at);
  return Buffer.concat([Buffer.from([0xee]), length, list, ...texts, tokens.done]);
}

/** The answer to a login that is to go on at another server. */
export function redirected(server: string, port: number): Buffer {
  const target = Buffer.alloc(5);
  // 0: the protocol TCP.
  target.writeUInt16LE(port, 1);
  target.writeUInt16LE(server.length, 3);
  const value = Buffer.concat([target, Buffer.from(server, 'utf16le')]);
  const change = Buffer.concat([lengthOf(value), value, Buffer.from([0, 0])]);
  return Buffer.concat([environmentChange(20, change), loggedIn, tokens.done]);
}

/** The token by which a server sets the size of packets, which is a text. */
export function packetSizeChange(size: string): Buffer {
  const texts = [size, '4096'].map((text) =>
    Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'utf16le')]),
  );
  return environmentChange(4, Buffer.concat(texts));
}

/** A program called 'SQL' accepts the login, as TDS 7.4. */
export const loggedIn = Buffer.concat([
  Buffer.from('ad1000017400000403', 'hex'),
  Buffer.from('SQL', 'utf16le'),
  Buffer.from('0f0007d0', 'hex'),
]);

function environmentChange(kind: number, body: Buffer): Buffer {
  const payload = Buffer.concat([Buffer.from([kind]), body]);
  return Buffer.concat([Buffer.from([0xe3]), lengthOf(payload), payload]);
}

function lengthOf(payload: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(payload.length);
  return length;
}

/** A packet; `isLast` says whether it is the last packet of its message. */
export function framed(type: number, payload: Buffer, isLast = true): Buffer {
  const header = Buffer.from([type, isLast ? 1 : 0, 0, 0, 0, 0, 1, 0]);
  header.writeUInt16BE(headerBytes + payload.length, 2);
  return Buffer.concat([header, payload]);
}

/** The server's end of TLS within TDS: the handshake travels in prelogin messages, later data does not. */
function encrypted(socket: Socket): Duplex {
  let isShaking = true;
  let flight: Buffer[] = [];
  const handshake = new MessageReader(({ payload }) => wire.push(payload));
  const wire = new Duplex({
    read() {},
    write(part: Buffer, _encoding, written) {
      if (!isShaking) socket.write(part);
      else if (flight.push(part) === 1) {
        // The client expects one message for each message that it sends.
        setImmediate(() => {
          socket.write(framed(messageType.prelogin, Buffer.concat(flight)));
          flight = [];
        });
      }
      written();
    },
  });
  socket.on('data', (part: Buffer) => {
    if (part[0] !== messageType.prelogin) isShaking = false;
    if (isShaking) handshake.push(part);
    else wire.push(part);
  });
  socket.on('close', () => wire.push(null));
  const { key, cert } = tlsOptions() as { key: string; cert: string };
  const secure = new TLSSocket(wire, { isServer: true, secureContext: createSecureContext({ key, cert }) });
  secure.on('error', () => socket.destroy());
  return secure;
}
