import {
  Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
} from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { addAbortSignal, type Duplex } from 'node:stream';

/**
 * A response body within these limits is read, so that its connection can be reused; else the connection is closed.
 */
const bodyLimits = { bytes: 16_384, milliseconds: 1_000 };
/** Milliseconds, with the look-up of the host name and the TLS handshake. */
const connectTimeoutMs = 10_000;
/** Milliseconds. Shorter than the five seconds for which common servers keep an idle connection. */
const idleMs = 4_000;
/**
 * The most idle connections of an agent. Node's own limit counts each host by itself: a tenant that posts to many
 * thousands of hosts would use up the process's file descriptors.
 */
const mostIdle = 64;

/** Connections to receivers, by the URL's protocol. Idle ones are reused, and do not keep the process alive. */
export interface HttpAgents {
  readonly 'http:': Agent;
  readonly 'https:': SecureAgent;
}

export function httpAgents(): HttpAgents {
  const options = { keepAlive: true, timeout: idleMs };
  return { 'http:': keepingFew(new Agent(options)), 'https:': keepingFew(new SecureAgent(options)) };
}

function keepingFew<Some extends Agent>(agent: Some): Some {
  // It returns whether the connection stays open, which its type leaves out.
  const keep = agent.keepSocketAlive.bind(agent) as (socket: Duplex) => unknown;
  agent.keepSocketAlive = (socket) => {
    const idle = Object.values(agent.freeSockets).reduce((sum, sockets) => sum + (sockets?.length ?? 0), 0);
    return idle < mostIdle ? keep(socket) : false;
  };
  return agent;
}

export interface Posting {
  readonly agents: HttpAgents;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Looks up the host if this request opens a connection. An IP address in the URL is not looked up. */
  readonly lookup: LookupFunction;
  readonly signal: AbortSignal;
}

/**
 * Posts to the URL and returns the answer's status and headers. It uses node:http and not a client with pools of its
 * own, because there a look-up belongs to a pool: here it belongs to the request, and ends with the request's signal.
 */
export async function post(
  url: URL,
  { agents, headers, body, lookup, signal }: Posting,
): Promise<{ readonly status: number; readonly headers: IncomingHttpHeaders }> {
  const isSecure = url.protocol === 'https:';
  let sent!: ClientRequest;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { method: 'POST', headers: { ...headers }, lookup, signal };
    sent = isSecure
      ? secureRequest(url, { ...options, agent: agents['https:'] })
      : request(url, { ...options, agent: agents['http:'] });
    sent.on('response', resolve).on('error', reject);
    // Without an answer and without an error, as after 101 Switching Protocols.
    sent.on('close', () =>
      reject(Object.assign(new Error('The connection was closed.'), { code: 'ECONNRESET' })),
    );
    limitConnecting(sent, isSecure ? 'secureConnect' : 'connect');
    sent.end(body);
  });
  const status = response.statusCode!;
  try {
    await discardBody(response, signal);
    if (status < 300) await untilSent(sent);
  } finally {
    // A receiver that has answered may never read the rest. Node would keep the connection and the body.
    if (!sent.writableFinished) sent.destroy();
  }
  return { status, headers: response.headers };
}

/**
 * Some receivers accept a message before they have read all of it. It never rejects, because the status decides. The
 * request's signal closes the request.
 */
async function untilSent(sent: ClientRequest): Promise<void> {
  if (sent.writableFinished || sent.destroyed) return;
  await new Promise<void>((resolve) => void sent.once('close', resolve));
}

function limitConnecting(sent: ClientRequest, connected: 'connect' | 'secureConnect'): void {
  sent.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => {
      sent.destroy(Object.assign(new Error('The connection took too long.'), { code: 'ETIMEDOUT' }));
    }, connectTimeoutMs);
    const stop = () => clearTimeout(timer);
    socket.once(connected, stop).once('close', stop);
  });
}

/** The status decides the outcome, so an error while reading the body is ignored. */
async function discardBody(response: IncomingMessage, signal: AbortSignal): Promise<void> {
  addAbortSignal(AbortSignal.any([signal, AbortSignal.timeout(bodyLimits.milliseconds)]), response);
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      // Leaving the loop closes the connection.
      if (bytes > bodyLimits.bytes) return;
    }
  } catch {
    // The connection is closed.
  }
}
