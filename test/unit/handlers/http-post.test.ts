import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Agent } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { httpAgents, post } from '../../../src/handlers/http-post.ts';
import { deferred, turns } from '../../support/deferred.ts';
import { until } from '../../support/until.ts';

/** More than the kernel's buffers of a loopback connection hold. */
const body = 'x'.repeat(32 * 1024 * 1024);

/** A receiver that answers with this status as soon as a request begins, and then stops reading. */
async function startHastyReceiver(status: string) {
  const connected = deferred<Socket>();
  let bytes = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    socket.once('data', () => {
      socket.pause();
      socket.write(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`);
      connected.resolve(socket);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    socket: connected.promise,
    /** How many bytes of the request have come. */
    received: () => bytes,
    [Symbol.asyncDispose]: async () => {
      (await connected.promise).destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Waits until a request of this process has an answer, and Node has taken it. */
async function answerTaken(): Promise<void> {
  const channel = 'http.client.response.finish';
  const answered = deferred();
  const resolve = () => answered.resolve();
  subscribe(channel, resolve);
  try {
    await answered.promise;
    await turns();
  } finally {
    unsubscribe(channel, resolve);
  }
}

const never = new AbortController().signal;
const inUse = ({ sockets }: Agent) => Object.keys(sockets).length;

describe('D8: a receiver that answers before it has read the body', () => {
  const agents = httpAgents();
  const posting = (signal: AbortSignal) => ({
    agents,
    headers: {},
    body,
    lookup: () => {
      throw new Error('An IP address is not looked up.');
    },
    signal,
  });
  afterAll(() => {
    for (const agent of Object.values(agents)) agent.destroy();
  });

  test('D8: after an error, the connection and the body are given up', async () => {
    await using receiver = await startHastyReceiver('500 Internal Server Error');
    expect(await post(receiver.url, posting(never))).toMatchObject({ status: 500 });
    await until('no connection is in use', () => inUse(agents['http:']) === 0, 3_000);
    expect(Object.keys(agents['http:'].freeSockets)).toEqual([]);
  });

  test('D8: after a success, the rest of the body is sent', async () => {
    await using receiver = await startHastyReceiver('200 OK');
    const taken = answerTaken();
    const posted = post(receiver.url, posting(never));
    await taken;
    (await receiver.socket).resume();
    expect(await posted).toMatchObject({ status: 200 });
    await until('the receiver has the body', () => receiver.received() > body.length, 3_000);
    await until('no connection is in use', () => inUse(agents['http:']) === 0, 3_000);
  });

  test('D8: after a success, a receiver that never reads the rest is given up when the signal fires', async () => {
    await using receiver = await startHastyReceiver('200 OK');
    const stop = new AbortController();
    const taken = answerTaken();
    const posted = post(receiver.url, posting(stop.signal));
    await taken;
    stop.abort();
    expect(await posted).toMatchObject({ status: 200 });
    await until('no connection is in use', () => inUse(agents['http:']) === 0, 3_000);
  });
});
