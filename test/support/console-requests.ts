/** Requests to the console's handler, as its page sends them. */
import { type ConsoleOptions, consoleHandler } from '../../src/console/handler.ts';
import type { MultiOutbox } from '../../src/multi-outbox.ts';

export const origin = 'https://console.test';

export interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect
  readonly json: any;
}

export class ConsoleClient {
  readonly #handler: (request: Request) => Promise<Response>;

  constructor(multiOutbox: MultiOutbox, options: Partial<ConsoleOptions> = {}) {
    this.#handler = consoleHandler(multiOutbox, { authorize: () => ({ actor: 'tester' }), ...options });
  }

  async send(path: string, init: RequestInit = {}): Promise<Sent> {
    const response = await this.#handler(new Request(`${origin}${path}`, init));
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson && text !== '' ? JSON.parse(text) : undefined,
    };
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Sent> {
    return this.send(path, { headers: { 'sec-fetch-site': 'same-origin', ...headers } });
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Sent> {
    return this.send(path, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json', ...headers },
    });
  }
}
