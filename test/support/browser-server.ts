import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

/** SQL Server Browser on loopback (MC-SQLR): it answers requests for one instance. */
export interface BrowserServer extends AsyncDisposable {
  readonly port: number;
  /** The instances that were asked for, repeated ones included. */
  readonly asked: string[];
}

/** @param instances the ports of instances; a Buffer is sent as it is; it does not answer for an instance that is not here */
export async function startBrowser(
  address: string,
  port: number,
  instances: Readonly<Record<string, number | Buffer>>,
): Promise<BrowserServer> {
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (request, from) => {
    const instance = request.toString('latin1', 1, request.length - 1);
    asked.push(instance);
    const answer = instances[instance];
    if (answer === undefined) return;
    socket.send(typeof answer === 'number' ? entry(instance, answer) : answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(port, address, resolve));
  return {
    port: (socket.address() as AddressInfo).port,
    asked,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void socket.close(resolve)),
  };
}

/** The answer of a server that listens on TCP and on a named pipe. */
export function entry(instance: string, port: number | string): Buffer {
  const text = `ServerName;HOST;InstanceName;${instance.toUpperCase()};IsClustered;No;Version;16.0.1000.6;np;\\\\HOST\\pipe;tcp;${port};;`;
  const header = Buffer.from([0x05, 0, 0]);
  header.writeUInt16LE(text.length, 1);
  return Buffer.concat([header, Buffer.from(text, 'latin1')]);
}
