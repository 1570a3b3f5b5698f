/** The console for this computer: a server on the loopback address, which ends with its process. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MultiOutboxError } from '../../errors.ts';
import type { MultiOutbox } from '../../multi-outbox-interface.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { consoleHandler } from '../handler.ts';
import type { Right } from '../rights.ts';
import { LocalAccess } from './access.ts';
import { handle, type RequestHandler } from './node-http.ts';

export interface LocalConsole {
  /** Opens the console once. */
  readonly url: string;
  close(): Promise<void>;
}

export interface LocalConsoleOptions {
  /** 0: a free one. */
  readonly port: number;
  readonly rights: readonly Right[];
  /** Who acts, for the record of acts. */
  readonly actor: string;
  readonly logger: Logger;
}

const loopback = '127.0.0.1';

/** @throws MultiOutboxError INVALID_CONFIGURATION when the port is taken */
export async function serveLocalConsole(
  multiOutbox: MultiOutbox,
  { port, rights, actor, logger }: LocalConsoleOptions,
): Promise<LocalConsole> {
  const access = new LocalAccess(rights, actor);
  // The handler needs the port, which is known once the server listens; until then there are no requests.
  let handler: RequestHandler = async () => new Response(null, { status: 503 });
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (incoming, outgoing) => {
    handle((request) => handler(request), incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.maxConnections = 200;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new MultiOutboxError(
          'INVALID_CONFIGURATION',
          `The console cannot listen on ${loopback}:${port}; choose another port with --port, or leave it out for a free one.`,
          { cause },
        ),
      ),
    );
    server.listen(port, loopback, resolve);
  });
  const taken = (server.address() as AddressInfo).port;
  handler = consoleHandler(multiOutbox, {
    authorize: access.authorize,
    basePath: access.basePath,
    hosts: [`${loopback}:${taken}`, `localhost:${taken}`],
    logger,
  });
  return {
    url: access.address(`http://${loopback}:${taken}`),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
