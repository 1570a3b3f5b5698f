/** S4: the host of a request is that of its address, also on the port that addresses leave out. */
import type { IncomingMessage } from 'node:http';
import { requestOf } from '../../../src/console/local/node-http.ts';

const incoming = (host: string | undefined, url = '/a?b=c') =>
  ({
    method: 'GET',
    url,
    headers: { host },
    headersDistinct: { host: [host ?? ''] },
  }) as unknown as IncomingMessage;

test.each(['127.0.0.1', '127.0.0.1:80', '127.0.0.1:8080', 'LOCALHOST:8080'])('%s is a host', (host) => {
  expect(new URL(requestOf(incoming(host))!.url).pathname).toBe('/a');
});

test.each([
  [undefined, '/'],
  ['a b', '/'],
  ['user@127.0.0.1', '/'],
  ['127.0.0.1/x', '/'],
  ['127.0.0.1', 'http://other.example/'],
  ['127.0.0.1', '*'],
])('%s with %s is not a request', (host, url) => {
  expect(requestOf(incoming(host, url))).toBe(null);
});
