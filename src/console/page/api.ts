/** Requests to the console's own server. */
import type { ErrorAnswer } from '../responses.ts';
import { addressOf, type Query } from './location.tsx';

export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface Read<T> {
  readonly data: T;
  /** The time of which the data is true, by the server. */
  readonly asOf: Date;
  readonly etag: string | null;
}

/** Reads; with what was read before, the body is not sent again while it is the same. */
export async function read<T>(
  path: string,
  query: Query,
  before: Read<T> | null,
  signal: AbortSignal,
): Promise<Read<T>> {
  const response = await send(addressOf(path, query), {
    signal,
    cache: 'no-store',
    headers: before?.etag ? { 'if-none-match': before.etag } : {},
  });
  const asOf = asOfOf(response);
  if (response.status === 304 && before !== null) return { ...before, asOf };
  return { data: (await response.json()) as T, asOf, etag: response.headers.get('etag') };
}

/** Acts; the parameters are JSON. */
export async function act<T>(path: string, parameters: object = {}): Promise<T> {
  return (await acted<T>(path, parameters)).data;
}

/** As `act`, with the time of which the answer is true. */
export async function acted<T>(path: string, parameters: object = {}): Promise<Omit<Read<T>, 'etag'>> {
  const response = await send(addressOf(path), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(parameters),
  });
  return { data: (await response.json()) as T, asOf: asOfOf(response) };
}

function asOfOf(response: Response): Date {
  return new Date(response.headers.get('console-as-of') ?? Date.now());
}

async function send(address: string, init: RequestInit): Promise<Response> {
  const response = await fetch(address, { credentials: 'same-origin', redirect: 'error', ...init }).catch(
    (error) => {
      if (init.signal?.aborted) throw error;
      throw new ApiError(0, 'UNREACHABLE', 'The console’s server does not answer. It may have been stopped.');
    },
  );
  if (response.ok || response.status === 304) return response;
  const answer = (await response.json().catch(() => null)) as ErrorAnswer | null;
  const { code, message } = answer?.error ?? {
    code: 'FAILED',
    message: `The server answered ${response.status}.`,
  };
  throw new ApiError(response.status, code, message);
}
