/** The console for this computer: a server on the loopback address, which ends with its process. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MultiOutboxError } from '../../errors.ts';
import { loopbackHosts } from '../../known-host.ts';
import type { MultiOutbox } from '../../multi-outbox-interface.ts';
import type { SettingsInput } from '../../settings.ts';
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
  /** As of `ConsoleOptions`. */
  readonly settings?: SettingsInput;
  /** As of `ConsoleOptions`; `close` fires it too. */
  readonly signal?: AbortSignal;
  readonly logger: Logger;
}

const loopback = '127.0.0.1';

/** The ports that browsers do not connect to (port blocking of the Fetch standard). */
const unsafePorts: ReadonlySet<number> = new Set([
  ...[
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
  ],
  ...[
    109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
  ],
  ...[526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049],
  ...[3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080],
]);

function cannotListen(port: number, reason: string, cause?: unknown): MultiOutboxError {
  return new MultiOutboxError(
    'INVALID_CONFIGURATION',
    `The console cannot listen on ${loopback}:${port}; choose another port, or 0 for a free one (${reason}).`,
    { cause },
  );
}

/** @throws MultiOutboxError INVALID_CONFIGURATION when the port is taken */
export async function serveLocalConsole(
  multiOutbox: MultiOutbox,
  { port, rights, actor, settings, signal, logger }: LocalConsoleOptions,
): Promise<LocalConsole> {
  if (unsafePorts.has(port))
    throw cannotListen(port, 'browsers refuse this port, because another protocol has it');
  const access = new LocalAccess(rights, actor);
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  // The handler needs the port, which is known once the server listens; until then there are no requests.
  let handler: RequestHandler = async () => new Response(null, { status: 503 });
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (incoming, outgoing) => {
    handle((request) => handler(request), incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.maxConnections = 200;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const reason =
        cause.code === 'EADDRINUSE'
          ? 'another program has it'
          : cause.code === 'EACCES'
            ? 'this user may not use ports below 1024'
            : String(cause.code);
      reject(cannotListen(port, reason, cause));
    });
    server.listen(port, loopback, resolve);
  });
  // An address leaves out the port 80, and so does a browser's Host.
  const hostOf = (name: string) => new URL(`http://${name}:${(server.address() as AddressInfo).port}`).host;
  handler = consoleHandler(multiOutbox, {
    authorize: access.authorize,
    basePath: access.basePath,
    hosts: loopbackHosts({ host: loopback, port: (server.address() as AddressInfo).port }) ?? [],
    signal: stopping.signal,
    ...(settings && { settings }),
    logger,
  });
  return {
    url: access.address(`http://${hostOf(loopback)}`),
    async close() {
      signal?.removeEventListener('abort', stop);
      stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
