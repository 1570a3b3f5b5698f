/** Records effects: an HTTP server in the test process, to which the killed programs post. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** One POST that arrived in full. */
export interface Arrival {
  readonly tenantId: string;
  readonly messageId: string;
  /** The number of this arrival among all arrivals, from 1. */
  readonly place: number;
  /** When it arrived, by `performance.now()`. */
  readonly at: number;
  /** When it was answered, or when its sender's connection broke. */
  endedAt: number;
  /**
   * True: the server answers 200, and the effect has happened. False: it answers 503, and the handler must try again.
   */
  readonly accepted: boolean;
  /** Header `x-fence`, where the sender gives it. */
  readonly fence: number | null;
  /** Header `x-host`, where the sender gives it: the sender's process. */
  readonly host: string | undefined;
}

/** The part of a payload that the server reads: how many of its arrivals to refuse. */
export interface EffectBody {
  readonly refusals: number;
}

export interface EffectsOptions {
  /** Milliseconds until an arrival is answered. */
  readonly latencyMs: () => number;
}

export class Effects {
  readonly arrivals: Arrival[] = [];
  /** Called as each request has arrived, before it is answered; `pending` counts those not yet answered, this one included. */
  onArrival: (arrival: Arrival, pending: number) => void = () => {};
  /** Called when an answer has been handed to the kernel. */
  onAnswer: (arrival: Arrival) => void = () => {};
  readonly #latencyMs: () => number;
  readonly #server: Server;
  readonly #accepted = new Map<string, number>();
  readonly #refused = new Map<string, number>();
  #pending = 0;

  private constructor({ latencyMs }: EffectsOptions) {
    this.#latencyMs = latencyMs;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { 'x-fence': fence, 'x-host': host } = request.headers;
        const arrival = this.#record(
          String(request.headers['idempotency-key']),
          JSON.parse(Buffer.concat(chunks).toString()) as EffectBody,
          { fence: fence === undefined ? null : Number(fence), host: host as string | undefined },
        );
        void this.#answer(arrival, response);
      });
      // A sender that is killed breaks its connection.
      request.on('error', () => {});
    });
    // A connection closed by the server just as the next request is sent would look like a failed attempt.
    this.#server.keepAliveTimeout = 60_000;
  }

  static async start(options: EffectsOptions): Promise<Effects> {
    const effects = new Effects(options);
    await new Promise<void>((resolve) => effects.#server.listen(0, '127.0.0.1', resolve));
    return effects;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** How often a message took effect. */
  of(messageId: string): number {
    return this.#accepted.get(messageId) ?? 0;
  }

  /** Messages that took effect at least once. */
  get messages(): number {
    return this.#accepted.size;
  }

  get accepted(): Arrival[] {
    return this.arrivals.filter(({ accepted }) => accepted);
  }

  get refused(): number {
    return [...this.#refused.values()].reduce((sum, count) => sum + count, 0);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #record(idempotencyKey: string, body: EffectBody, sender: Pick<Arrival, 'fence' | 'host'>): Arrival {
    const [tenantId = '', messageId = ''] = idempotencyKey.split(':');
    const refusedBefore = this.#refused.get(messageId) ?? 0;
    const accepted = refusedBefore >= body.refusals;
    const counts = accepted ? this.#accepted : this.#refused;
    counts.set(messageId, (counts.get(messageId) ?? 0) + 1);
    const place = this.arrivals.length + 1;
    const at = performance.now();
    const arrival = {
      tenantId,
      messageId,
      place,
      at,
      endedAt: Number.POSITIVE_INFINITY,
      accepted,
      ...sender,
    };
    this.arrivals.push(arrival);
    return arrival;
  }

  async #answer(arrival: Arrival, response: ServerResponse): Promise<void> {
    const end = () => {
      arrival.endedAt = Math.min(arrival.endedAt, performance.now());
    };
    this.#pending++;
    response.on('close', () => {
      this.#pending--;
      end();
    });
    this.onArrival(arrival, this.#pending);
    await pause(this.#latencyMs());
    end();
    response.writeHead(arrival.accepted ? 200 : 503).end(() => this.onAnswer(arrival));
  }
}
