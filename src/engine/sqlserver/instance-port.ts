/**
 * Asks SQL Server Browser for the port of a named instance (MC-SQLR). The driver can ask too, but looks the server's
 * name up with `dns.lookup`; this code gets addresses, so it never waits for the threads that the process shares.
 */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

/** Where SQL Server Browser listens (UDP). */
export const browserPort = 1434;

/** A request for one instance, and the answer (MC-SQLR 2.2.3 and 2.2.5). */
const requestOfInstance = 0x04;
const answerType = 0x05;
const headerBytes = 3;
/** Datagrams can get lost, so the question is repeated after this many milliseconds. */
const retryMs = 1_000;
const tries = 3;

/**
 * The first answer of any address counts.
 * @throws the signal's reason when it fires; an Error with the code EINSTLOOKUP when no address answers with a port
 */
export async function instancePort(
  addresses: readonly string[],
  instance: string,
  signal: AbortSignal,
  port = browserPort,
): Promise<number> {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  try {
    return await Promise.any(addresses.map((address) => ask(address, instance, either, port)));
  } catch (error) {
    signal.throwIfAborted();
    throw (error as AggregateError).errors[0];
  } finally {
    ended.abort();
  }
}

function ask(address: string, instance: string, signal: AbortSignal, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const question = Buffer.from(`${String.fromCharCode(requestOfInstance)}${instance}\0`, 'latin1');
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  let asked = 0;
  let timer: NodeJS.Timeout | undefined;
  const send = () => {
    if (asked++ === tries) return reject(failed(`did not answer on UDP port ${port}`));
    timer = setTimeout(send, retryMs);
    socket.send(question);
  };
  const giveUp = () => reject(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', giveUp, { once: true });
  socket.on('error', () => reject(failed(`cannot be reached on UDP port ${port}`)));
  socket.on('message', (answer) => {
    const found = portIn(answer, instance);
    if (found === null) reject(failed(`knows no TCP port of the instance '${instance}'`));
    else resolve(found);
  });
  // A connected socket takes datagrams of this address alone, and reports that no program listens there. With a callback,
  // Node would pass a failed connect to it, and not to the listener of errors.
  socket.once('connect', send);
  socket.connect(port, address);
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    socket.close();
  });
}

/** The answer is a list such as `ServerName;S;InstanceName;I;IsClustered;No;Version;16.0;tcp;49172;;`. */
function portIn(answer: Buffer, instance: string): number | null {
  if (answer[0] !== answerType) return null;
  const [first = ''] = answer.toString('latin1', headerBytes).split(';;');
  const parts = first.split(';');
  const named = (name: string) =>
    parts[parts.findIndex((part, index) => index % 2 === 0 && part === name) + 1];
  const port = named('tcp') ?? '';
  const isPort = /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535;
  return isPort && named('InstanceName')?.toLowerCase() === instance ? Number(port) : null;
}

function failed(what: string): Error {
  const text = `SQL Server Browser ${what}; start it, or give the instance's port as name,port`;
  return Object.assign(new Error(text), { code: 'EINSTLOOKUP' });
}
