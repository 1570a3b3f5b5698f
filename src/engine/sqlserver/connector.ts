/**
 * Opens the driver's TCP connections. The driver itself looks names up with `dns.lookup`, which cannot be cancelled and
 * runs on two of the threads that the whole process shares: two names that no name server answers would stop the logins
 * to all other servers.
 */
import dns from 'node:dns';
import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { propertyOf } from '../../errors.ts';
import { hostResolver, type ResolveHost } from '../../host-resolver.ts';
import { unlessAborted } from '../../unless-aborted.ts';
import { Semaphore } from '../semaphore.ts';
import { probeConnectorArguments } from './driver-probe.ts';
import { browserPort, instancePort } from './instance-port.ts';

export interface ConnectorOptions {
  /** Tries all addresses of a name at the same time, instead of one after another. */
  readonly atOnce: boolean;
  /** The instance whose port SQL Server Browser knows. The driver then has that program's port as the server's. */
  readonly instance?: string | null;
  readonly resolve?: ResolveHost | undefined;
}

/** As the driver calls it; the signal fires when the login is closed or takes too long. */
export type Connector = (
  server: { readonly host: string; readonly port: number },
  lookup: unknown,
  signal: AbortSignal,
) => Promise<Socket>;

export function createConnector({ atOnce, instance = null, resolve }: ConnectorOptions): Connector {
  return async (server, _lookup, signal) => {
    probeConnectorArguments(server, signal);
    const { host, port: given } = server;
    const addresses = await addressesOf(host, signal, resolve);
    // A redirect names the port of another server.
    const isInstance = instance !== null && given === browserPort;
    const port = isInstance ? await instancePort(addresses, instance, signal) : given;
    return atOnce ? firstOf(addresses, port, signal) : inSequence(addresses, port, signal);
  };
}

/**
 * Codes of a resolver's error which say that a name server has answered, or that none is there. The operating system
 * may know such a name from another source, such as a search domain. Servers without a way to the internet answer a name
 * that is not complete with ESERVFAIL or EREFUSED.
 */
const answered: ReadonlySet<unknown> = new Set([
  'ENOTFOUND',
  'ENODATA',
  'EBADNAME',
  'ESERVFAIL',
  'EREFUSED',
  'ENOTIMP',
  'EFORMERR',
  'EBADRESP',
  'ECONNREFUSED',
]);

/**
 * Milliseconds for which the name servers are asked for a name without a dot. Many do not answer a question for one; the
 * operating system knows it by its search domains.
 */
const bareNameMs = 2_000;

/**
 * Look-ups of the operating system, for all servers of the process. They leave threads for those of other code. Names
 * without a dot are apart, because no tenant's own zone can make one wait.
 */
const systemLookups = { bare: new Semaphore(1), dotted: new Semaphore(2) };
/** By the name, so that a name that nobody answers for has one place, however many callers and tenants ask for it. */
const lookedUp = new Map<string, SystemLookUp>();

/**
 * Windows and macOS choose name servers by rules of their own (VPNs, private zones), so there only the operating system
 * is asked.
 */
const ownResolver = ['win32', 'darwin'].includes(process.platform) ? undefined : hostResolver();

/** @throws the signal's reason when it fires; the resolver's error */
export async function addressesOf(
  host: string,
  signal: AbortSignal,
  resolve: ResolveHost | undefined = ownResolver,
): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const isBare = !host.includes('.');
  const found = resolve && (await addressesByNameServers(host, isBare, signal, resolve));
  return found ?? addressesBySystem(host, isBare, signal);
}

/** Returns undefined when only the operating system may know the name. */
async function addressesByNameServers(
  host: string,
  isBare: boolean,
  signal: AbortSignal,
  resolve: ResolveHost,
): Promise<readonly string[] | undefined> {
  const patience = isBare ? AbortSignal.timeout(bareNameMs) : undefined;
  try {
    const either = patience ? AbortSignal.any([signal, patience]) : signal;
    return await unlessAborted(() => resolve(host, either), either);
  } catch (error) {
    signal.throwIfAborted();
    if (answered.has(propertyOf(error, 'code')) || patience?.aborted === true) return undefined;
    throw error;
  }
}

async function addressesBySystem(
  host: string,
  isBare: boolean,
  signal: AbortSignal,
): Promise<readonly string[]> {
  signal.throwIfAborted();
  const lookUp =
    lookedUp.get(host) ?? new SystemLookUp(host, isBare ? systemLookups.bare : systemLookups.dotted);
  return lookUp.wait(signal);
}

/** One look-up for all who ask for the name meanwhile. */
class SystemLookUp {
  readonly #host: string;
  readonly #answer: Promise<readonly string[]>;
  readonly #left = new AbortController();
  #hasBegun = false;
  #callers = 0;

  constructor(host: string, lookups: Semaphore) {
    this.#host = host;
    this.#answer = lookups
      .use(() => {
        this.#hasBegun = true;
        return dns.promises.lookup(host, { all: true });
      }, this.#left.signal)
      .then((found) => found.map(({ address }) => address))
      .finally(() => this.#forget());
    // All callers may have given up.
    this.#answer.catch(() => {});
    lookedUp.set(host, this);
  }

  async wait(signal: AbortSignal): Promise<readonly string[]> {
    this.#callers++;
    try {
      return await unlessAborted(() => this.#answer, signal);
    } finally {
      this.#callers--;
      this.#leaveQueue();
    }
  }

  /** One that has begun holds its thread until it ends, and answers whoever asks until then. */
  #leaveQueue(): void {
    if (this.#callers > 0 || this.#hasBegun) return;
    this.#forget();
    this.#left.abort();
  }

  #forget(): void {
    if (lookedUp.get(this.#host) === this) lookedUp.delete(this.#host);
  }
}

async function open(address: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host: address, port });
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function inSequence(addresses: readonly string[], port: number, signal: AbortSignal): Promise<Socket> {
  const errors: unknown[] = [];
  for (const address of addresses) {
    try {
      return await open(address, port, signal);
    } catch (error) {
      signal.throwIfAborted();
      errors.push(error);
    }
  }
  throw allFailed(errors);
}

async function firstOf(addresses: readonly string[], port: number, signal: AbortSignal): Promise<Socket> {
  const decided = new AbortController();
  const either = AbortSignal.any([signal, decided.signal]);
  const tries = addresses.map((address) => open(address, port, either));
  try {
    const first = await Promise.any(tries);
    for (const each of tries)
      void each.then(
        (socket) => {
          if (socket !== first) socket.destroy();
        },
        () => {},
      );
    return first;
  } catch (error) {
    signal.throwIfAborted();
    throw allFailed((error as AggregateError).errors);
  } finally {
    decided.abort();
  }
}

function allFailed(errors: readonly unknown[]): unknown {
  if (errors.length === 1) return errors[0];
  const texts = errors.map((error) => (error as Error).message);
  return new AggregateError(errors, `Could not connect to any address: ${texts.join(', ')}`);
}
