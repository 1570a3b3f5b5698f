/**
 * A TCP proxy on loopback in front of a server. It breaks all its connections, or one of them in the middle of a call,
 * which it recognises by text in the request.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * `cut` closes both ends. `stall` keeps both ends open but passes nothing any more. `half-open` closes the server's end
 * and keeps the client's open, which then receives nothing.
 */
export type Breakage = 'cut' | 'stall' | 'half-open';

interface Strike {
  readonly words: Buffer;
  readonly how: Breakage;
  /**
   * `request`: before the request reaches the server. `answer`: once the server has answered, and so has done the work.
   */
  readonly when: 'request' | 'answer';
  readonly struck: () => void;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  dead: boolean;
  awaiting: Strike | null;
}

export class TcpProxy {
  readonly port: number;
  readonly #listener: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #links = new Set<Link>();
  readonly #strikes: Strike[] = [];
  readonly #watches: { readonly words: Buffer; readonly seen: () => void }[] = [];
  #refusing = false;
  #stalled = false;

  static async start(target: { host: string; port: number }): Promise<TcpProxy> {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return new TcpProxy(listener, target);
  }

  private constructor(listener: Server, target: { host: string; port: number }) {
    this.#listener = listener;
    this.#target = target;
    this.port = (listener.address() as { port: number }).port;
    listener.on('connection', (client) => this.#accept(client));
  }

  /** Breaks the next connection whose request holds the words, or bytes; resolves when it has. */
  strike(words: string | Buffer, how: Breakage, when: Strike['when']): Promise<void> {
    return new Promise((struck) => {
      // TDS writes the names of procedures in UTF-16.
      const bytes = typeof words === 'string' ? Buffer.from(words, 'utf16le') : words;
      this.#strikes.push({ words: bytes, how, when, struck });
    });
  }

  /** Resolves when a request that holds the words has been passed on. */
  seen(words: string): Promise<void> {
    return new Promise((seen) => {
      this.#watches.push({ words: Buffer.from(words, 'utf16le'), seen });
    });
  }

  /** No data passes on any connection, nor on new ones, until `resume`. */
  stall(): void {
    this.#stalled = true;
    for (const { client, server } of this.#links) {
      client.pause();
      server.pause();
    }
  }

  resume(): void {
    this.#stalled = false;
    for (const { client, server, dead } of this.#links) {
      if (dead) continue;
      client.resume();
      server.resume();
    }
  }

  /** Acts like a stopped server: cuts every connection, and refuses new ones until `up`. */
  down(): void {
    this.#refusing = true;
    for (const link of this.#links) this.#break(link, 'cut');
  }

  up(): void {
    this.#refusing = false;
  }

  async close(): Promise<void> {
    this.down();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.destroy();
      return;
    }
    const server = connect(this.#target);
    const link: Link = { client, server, dead: false, awaiting: null };
    this.#links.add(link);
    client.on('data', (chunk) => this.#onRequest(link, chunk));
    server.on('data', (chunk) => this.#onAnswer(link, chunk));
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => {});
      socket.on('close', () => {
        if (!link.dead || socket === client) this.#end(link, other);
      });
    }
    if (this.#stalled) {
      client.pause();
      server.pause();
    }
  }

  #onRequest(link: Link, chunk: Buffer): void {
    if (link.dead) return;
    const index = this.#strikes.findIndex(({ words }) => chunk.includes(words));
    const strike = index === -1 ? null : this.#strikes.splice(index, 1)[0]!;
    if (strike?.when === 'request') {
      this.#carryOut(strike, link);
      return;
    }
    if (strike !== null) link.awaiting = strike;
    link.server.write(chunk);
    const watch = this.#watches.findIndex(({ words }) => chunk.includes(words));
    if (watch !== -1) this.#watches.splice(watch, 1)[0]!.seen();
  }

  #onAnswer(link: Link, chunk: Buffer): void {
    if (link.dead) return;
    if (link.awaiting !== null) this.#carryOut(link.awaiting, link);
    else link.client.write(chunk);
  }

  #carryOut(strike: Strike, link: Link): void {
    this.#break(link, strike.how);
    strike.struck();
  }

  #break(link: Link, how: Breakage): void {
    link.dead = true;
    if (how !== 'stall') link.server.destroy();
    if (how === 'cut') link.client.destroy();
  }

  #end(link: Link, other: Socket): void {
    this.#links.delete(link);
    other.destroy();
  }
}
