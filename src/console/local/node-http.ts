/** Between `node:http` and a function of a `Request`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

export type RequestHandler = (request: Request) => Promise<Response>;

/** Null when there is no such request: its host or its target is not one of an address. */
export function requestOf(incoming: IncomingMessage): Request | null {
  const { host } = incoming.headers;
  // A target that begins otherwise names another host, as a proxy gets it.
  if (host === undefined || incoming.url?.startsWith('/') !== true) return null;
  const hasBody = incoming.method !== 'GET' && incoming.method !== 'HEAD';
  try {
    const headers = new Headers();
    for (const [name, value] of Object.entries(incoming.headersDistinct))
      for (const each of value ?? []) headers.append(name, each);
    const url = new URL(`http://${host}${incoming.url}`);
    // The port of http is left out of an address.
    if (![url.host, `${url.host}:80`].includes(host.toLowerCase())) return null;
    return new Request(url, {
      method: incoming.method ?? 'GET',
      headers,
      ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array>, duplex: 'half' }),
    });
  } catch {
    return null;
  }
}

export async function respond(outgoing: ServerResponse, response: Response): Promise<void> {
  outgoing.writeHead(response.status, [...response.headers].flat());
  outgoing.end(new Uint8Array(await response.arrayBuffer()));
}

/** Handles a request; a connection whose request is not one is closed. */
export async function handle(
  handler: RequestHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const request = requestOf(incoming);
  if (request === null) {
    outgoing.writeHead(400, { connection: 'close' }).end();
    return;
  }
  await respond(outgoing, await handler(request));
  // A body that was refused unread would be taken for the next request.
  if (!incoming.complete) incoming.destroy();
}
