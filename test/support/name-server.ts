import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

/** A real name server on loopback (DNS over UDP). */
export interface NameServer extends AsyncDisposable {
  /** For `Resolver.setServers`. */
  readonly address: string;
  /** The names that were asked for, each once, in order. */
  readonly asked: string[];
  /** How many questions have come, repeated ones included. */
  readonly questions: () => number;
}

const ipv4 = 1;

/** RFC 1035, 4.1.1. */
const failures = { SERVFAIL: 2, REFUSED: 5 } as const;

/**
 * @param answer the IPv4 addresses of a name; null: it never answers; []: the name has no address; 'SERVFAIL', 'REFUSED':
 *   the server fails. It is called for each question, with the family of the addresses that are asked for.
 */
export async function startNameServer(
  answer: (name: string, family: 4 | 6) => readonly string[] | keyof typeof failures | null,
): Promise<NameServer> {
  const asked: string[] = [];
  let questions = 0;
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    const { name, type, end } = questionOf(query);
    questions++;
    if (!asked.includes(name)) asked.push(name);
    const addresses = answer(name, type === ipv4 ? 4 : 6);
    if (addresses === null) return;
    const reply =
      typeof addresses === 'string'
        ? response(query, end, [], failures[addresses])
        : response(query, end, type === ipv4 ? addresses : []);
    socket.send(reply, port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(socket.address() as AddressInfo).port}`,
    asked,
    questions: () => questions,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void socket.close(resolve)),
  };
}

/** The one question of a query (RFC 1035, 4.1.2); `end` is the offset behind it. */
function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function response(query: Buffer, endOfQuestion: number, addresses: readonly string[], code = 0): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180 + code, 2); // a response, recursion available
  header.writeUInt16BE(addresses.length, 6);
  header.writeUInt32BE(0, 8); // no authority, no additional records
  const records = addresses.map((address) => {
    const record = Buffer.alloc(16);
    record.writeUInt16BE(0xc00c, 0); // the name of the question
    record.writeUInt16BE(ipv4, 2);
    record.writeUInt16BE(1, 4); // class IN
    record.writeUInt32BE(60, 6);
    record.writeUInt16BE(4, 10);
    record.set(address.split('.').map(Number), 12);
    return record;
  });
  return Buffer.concat([header, query.subarray(12, endOfQuestion), ...records]);
}
