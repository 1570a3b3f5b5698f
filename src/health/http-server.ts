/** A small HTTP server for probes and scrapes: it answers GET and HEAD of a few paths, and bounds what a client can use. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv6 } from 'node:net';
import { errorText, isMultiOutboxError, MultiOutboxError } from '../errors.ts';
import { isKnownHost, loopbackNames, withoutPort } from '../known-host.ts';
import { LogLimit } from '../telemetry/log-limit.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What to answer, by path. */
export type Routes = Readonly<Record<string, (query: URLSearchParams) => Answer | Promise<Answer>>>;

export interface Address {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface HttpServer extends Address {
  /** `http://127.0.0.1:8080` */
  readonly origin: string;
  /** Answers the requests in flight, within a second, and frees the port. */
  close(): Promise<void>;
}

const mostConnections = 64;
/** A request must be complete, and its answer must begin, within this time. */
const requestMs = 5_000;
const closeMs = 1_000;

/** @throws MultiOutboxError INVALID_ARGUMENT when it cannot listen on the address */
export async function startHttpServer(
  { host, port }: Address,
  routes: Routes,
  logger: Logger,
): Promise<HttpServer> {
  const limit = new LogLimit(logger);
  const names = loopbackNames(host);
  const inFlight = new Map<string, Promise<Answer>>();

  /** Requests for the same path and query that come at once share one answer, and so one read of the registry. */
  function answerTo(url: URL): Promise<Answer> {
    const route = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
    if (route === undefined)
      return Promise.resolve(problem(404, `The paths are ${Object.keys(routes).join(', ')}.`));
    const key = url.pathname + url.search;
    const shared = inFlight.get(key);
    if (shared !== undefined) return shared;
    const answer = Promise.resolve(url.searchParams)
      .then(route)
      .catch((error) => refusal(url.pathname, error))
      .finally(() => inFlight.delete(key));
    inFlight.set(key, answer);
    return answer;
  }

  function refusal(path: string, error: unknown): Answer {
    if (isMultiOutboxError(error, 'INVALID_ARGUMENT')) return problem(400, error.message, error.code);
    if (limit.allows('health', { path }))
      logger.warn('A request for the health of this host failed.', { path, error: errorText(error) });
    const code = isMultiOutboxError(error) ? error.code : undefined;
    return problem(503, 'The log of this host has the reason.', code);
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host: asked } = request.headers;
    if (asked !== undefined && !isKnownHost(withoutPort(asked), names))
      return send(request, response, problem(421, 'This host name is not one of this server.'));
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      // The rest of its body is not read.
      response.setHeader('connection', 'close');
      return send(request, response, problem(405, 'Only GET and HEAD are served.'));
    }
    const url = urlOf(request);
    if (url === undefined) return send(request, response, problem(400, 'The URL cannot be read.'));
    send(request, response, await within(requestMs, answerTo(url)));
  }

  const server = createServer(
    {
      requestTimeout: requestMs,
      headersTimeout: requestMs,
      keepAliveTimeout: requestMs,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 8_192,
    },
    (request, response) => {
      void serve(request, response).catch(() => response.destroy());
    },
  );
  server.maxConnections = mostConnections;
  await listening(server, host, port);
  const bound = server.address();
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    host,
    port: boundPort,
    origin: `http://${addressText({ host, port: boundPort })}`,
    async close() {
      limit.close();
      await closed(server);
    },
  };
}

/** `127.0.0.1:8080`, `[::1]:8080` */
export function addressText({ host, port }: Address): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function urlOf({ url = '/' }: IncomingMessage): URL | undefined {
  // Some proxies send whole URLs.
  return URL.parse(url, 'http://host') ?? undefined;
}

function send({ method }: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    'content-type': answer.contentType,
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(method === 'HEAD' ? undefined : body);
}

const titles: Readonly<Record<number, string>> = {
  400: 'Invalid request',
  404: 'Not found',
  405: 'Method not allowed',
  421: 'Misdirected request',
  503: 'Not available',
};

/** Problem details (RFC 9457), as the function app has them. */
function problem(status: number, detail: string, code?: string): Answer {
  const type = code === undefined ? 'about:blank' : `urn:multi-outbox:error:${code}`;
  return {
    status,
    contentType: 'application/problem+json',
    body: JSON.stringify({ type, title: titles[status], status, detail, code }),
  };
}

async function within(ms: number, answer: Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer>((resolve) => {
    timer = setTimeout(
      () =>
        resolve(
          problem(503, `The registry did not answer within ${ms / 1_000} seconds.`, 'DATABASE_UNREACHABLE'),
        ),
      ms,
    );
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; choose another port',
  EACCES: 'this user may not listen there; choose a port above 1023',
  EADDRNOTAVAIL: 'this machine has no such address; name one of its own, or 0.0.0.0 for all',
  ENOTFOUND: 'the host name is unknown; correct it',
};

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = reasons[error.code ?? ''] ?? errorText(error);
      const message = `Cannot listen on ${addressText({ host, port })}: ${reason}.`;
      reject(new MultiOutboxError('INVALID_ARGUMENT', message, { cause: error }));
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      // A later error of the server must not end the process.
      server.on('error', () => {});
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), closeMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
