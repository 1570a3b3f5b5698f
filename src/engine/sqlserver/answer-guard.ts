/**
 * Bounds what a server's answers can cost this process. The driver trusts them: it cuts its messages into packets of
 * whatever size the server asks for (size 0 is an endless loop), keeps everything it has received of an answer, and its
 * time limit ends with the answer's first packet. So one tenant's server could stop the runs of all others. An answer
 * beyond these limits ends its connection.
 */
import type { PassThrough } from 'node:stream';
import { propertyOf } from '../../errors.ts';
import { probeColumns, probeMethods } from './driver-probe.ts';

/** Sizes of packets that a server may ask for, in bytes with their header (MS-TDS 2.2.6.4). */
const leastPacket = 512;
const mostPacket = 32_767;
/** Bytes of each answer before the connection is open: versions, certificates, the texts of a login. */
const mostLoginBytes = 1_048_576;
/** Bytes of an answer to a call; several times the largest batch (`batchBytes`) and the largest message. */
const mostBytes = 536_870_912;
/**
 * Values of an answer; a row and a record set take at least the memory of so many. Bytes are no bound for memory: a row
 * can be one byte. A registry with 100,000 tenants is read in one answer of a quarter of this.
 */
const mostValues = 20_000_000;
const valuesOfRow = 8;
const valuesOfRecordSet = 100;
/** Errors of an answer. The driver copies all of them for each further one. */
const mostErrors = 1_000;
/** Milliseconds. The driver's own time limit comes first, and also cancels the call. */
const graceMs = 1_000;

/** An answer that this program does not accept. The driver wraps it into an error of its own. */
export class UnacceptableAnswer extends Error {
  override readonly name = 'UnacceptableAnswer';
}

/** What is wrong, and what to do; null if an error of the driver is not about an unacceptable answer. */
export function answerProblem(error: unknown): string | null {
  const thrown = propertyOf(error, 'originalError');
  if (!(thrown instanceof UnacceptableAnswer)) return null;
  return `${thrown.message}, so the connection was closed; check that the name and the port are those of a SQL Server, and ask its administrator about it`;
}

/** The answer to one message; its bytes are read by the driver's parser. */
type AnswerStream = Pick<PassThrough, '_transform' | 'on' | 'destroy' | 'readableEnded'>;

/** The driver's reader and writer of messages. */
interface MessageIo {
  packetSize(...size: readonly number[]): number;
  readMessage(): Promise<AnswerStream>;
}

/** Handles the parsed parts of an answer; what it throws ends the connection. The driver keeps these parts. */
interface TokenHandler {
  onBeginTransaction(token: unknown): void;
  onReturnValue(token: unknown): void;
  onErrorMessage(token: unknown): void;
  onColMetadata(token: unknown): void;
  onRow(token: unknown): void;
}

/** The undocumented parts of a tedious connection that the guard uses (driver-probe.ts). */
export interface GuardedConnection {
  /** Set for each server that the driver connects to. */
  messageIo?: MessageIo;
  createTokenStreamParser(message: unknown, handler: TokenHandler): TokenParser;
  once(event: 'connect', listener: () => void): void;
  close(): void;
}

type OnError = ((error: unknown) => void) & { listener?: unknown };

interface TokenParser {
  on(event: string, listener: OnError): unknown;
}

export class AnswerGuard {
  #io: MessageIo | undefined;
  #mostBytes = mostLoginBytes;
  #answer: AnswerStream | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What the driver has used of the guard. */
  #hasRead = false;
  #hasParsed = false;

  /** Call it before the connection has read anything. */
  constructor(connection: GuardedConnection) {
    connection.once('connect', () => {
      this.#mostBytes = mostBytes;
    });
    Object.defineProperty(connection, 'messageIo', {
      configurable: true,
      enumerable: true,
      get: () => this.#io,
      set: (io: MessageIo) => {
        this.#guard(io);
        this.#io = io;
      },
    });
    const parse = connection.createTokenStreamParser.bind(connection);
    connection.createTokenStreamParser = (message, handler) => {
      this.#hasParsed = true;
      countTokens(handler);
      return closingOnFailure(parse(message, handler), connection);
    };
  }

  /** The first part of the guard that the driver has not used for its login; null if it has used all. */
  get passedBy(): string | null {
    if (this.#io === undefined) return 'Connection.messageIo';
    if (!this.#hasRead) return 'MessageIO.readMessage';
    return this.#hasParsed ? null : 'Connection.createTokenStreamParser';
  }

  /** Ends the connection if a call's answer is not complete in time, which is measured from now. */
  start(timeoutMs: number): void {
    if (timeoutMs <= 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // Without an answer, the driver's own time limit has ended the call.
      if (this.#answer?.readableEnded !== false) return;
      const error = new Error(`the answer was not complete in ${timeoutMs} ms`);
      this.#answer.destroy(Object.assign(error, { code: 'ETIMEOUT' }));
    }, timeoutMs + graceMs);
    this.#timer.unref();
  }

  /** The call has ended. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#answer = undefined;
  }

  #guard(io: MessageIo): void {
    probeMethods('MessageIO', io);
    const resize = io.packetSize.bind(io);
    io.packetSize = (...size) => {
      const [wanted] = size;
      if (wanted !== undefined && !(wanted >= leastPacket && wanted <= mostPacket))
        throw new UnacceptableAnswer(
          `the server sets a packet size of ${wanted} bytes, which is not between ${leastPacket} and ${mostPacket}`,
        );
      return resize(...size);
    };
    const read = io.readMessage.bind(io);
    io.readMessage = async () => {
      const answer = await read();
      probeMethods('Message', answer);
      this.#hasRead = true;
      this.#answer = answer;
      boundBytes(answer, this.#mostBytes);
      return answer;
    };
  }
}

function boundBytes(answer: AnswerStream, most: number): void {
  // The driver reads some answers no longer when the connection is closed meanwhile.
  answer.on('error', () => {});
  let bytes = 0;
  answer._transform = (chunk: Buffer, _encoding, done) => {
    bytes += chunk.length;
    if (bytes <= most) done(null, chunk);
    else done(new UnacceptableAnswer(`the server's answer has more than ${most} bytes`));
  };
}

/**
 * Closes the connection when the driver's own handling of a parser's error fails. It does so after a call that was
 * cancelled, and the error would end the process.
 */
function closingOnFailure(parser: TokenParser, connection: GuardedConnection): TokenParser {
  probeMethods('Parser', parser);
  const on = parser.on.bind(parser);
  parser.on = (event, listener) => {
    if (event !== 'error') return on(event, listener);
    const guarded: OnError = (error) => {
      try {
        listener(error);
      } catch {
        connection.close();
      }
    };
    guarded.listener = listener;
    return on(event, guarded);
  };
  return parser;
}

function countTokens(handler: TokenHandler): void {
  probeMethods('TokenHandler', handler);
  let columns = 0;
  let values = 0;
  let errors = 0;
  const count = (more: number) => {
    values += more;
    if (values > mostValues)
      throw new UnacceptableAnswer(`the server's answer has more than ${mostValues} values`);
  };
  before(handler, 'onColMetadata', (token) => {
    const described = propertyOf(token, 'columns');
    probeColumns(described);
    // Its values have no bytes, so a packet of rows would keep the parser busy for minutes.
    if (described.some(({ type }) => type.name === 'Null'))
      throw new UnacceptableAnswer("the server's answer has a column without a type");
    columns = described.length;
    count(valuesOfRecordSet);
  });
  before(handler, 'onRow', () => count(valuesOfRow + columns));
  before(handler, 'onReturnValue', () => count(valuesOfRow));
  before(handler, 'onBeginTransaction', () => count(valuesOfRow));
  before(handler, 'onErrorMessage', () => {
    if (++errors > mostErrors)
      throw new UnacceptableAnswer(`the server's answer has more than ${mostErrors} errors`);
  });
}

function before(handler: TokenHandler, name: keyof TokenHandler, check: (token: unknown) => void): void {
  const handle = handler[name].bind(handler);
  handler[name] = (token) => {
    check(token);
    handle(token);
  };
}
