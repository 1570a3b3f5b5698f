/** The console for frameworks on `node:http`, which give no `Request`: Express, Fastify, or a plain server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MultiOutboxError } from '../errors.ts';
import { Refusal } from './answer.ts';
import { handle, type RequestHandler } from './local/node-http.ts';
import { refusalResponse } from './responses.ts';

/**
 * Makes a handler of requests of `node:http` from one of `consoleHandler`. It reads the body itself, so mount it before anything
 * that parses bodies; otherwise it answers acts with status 500, which says so. It never throws.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function nodeHandler(
  handler: (request: Request) => Promise<Response>,
): (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void> {
  if (typeof handler !== 'function')
    throw new MultiOutboxError('INVALID_CONFIGURATION', 'nodeHandler takes what consoleHandler returns.');
  return async (incoming, outgoing) => {
    // Express takes the path of a mounted handler off `url`.
    const { originalUrl } = incoming as IncomingMessage & { readonly originalUrl?: string };
    if (originalUrl !== undefined) incoming.url = originalUrl;
    const answer: RequestHandler = incoming.readableDidRead ? bodyIsGone : handler;
    try {
      await handle(answer, incoming, outgoing);
    } catch {
      // The connection has ended.
      outgoing.destroy();
    }
  };
}

const bodyIsGone: RequestHandler = async () =>
  refusalResponse(
    new Refusal(
      500,
      'INVALID_CONFIGURATION',
      'Something has read the body before the console: mount the console before what parses bodies.',
    ),
  );
