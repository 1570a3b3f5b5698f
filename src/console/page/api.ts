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

interface Waiting {
  /** After so many minutes without an answer it fails. Default: 2. */
  readonly minutes?: number;
}

/** Acts; the parameters are JSON. */
export async function act<T>(path: string, parameters: object = {}, waiting: Waiting = {}): Promise<T> {
  return (await acted<T>(path, parameters, waiting)).data;
}

/** As `act`, with the time of which the answer is true. */
export async function acted<T>(
  path: string,
  parameters: object = {},
  { minutes = 2 }: Waiting = {},
): Promise<Omit<Read<T>, 'etag'>> {
  const signal = AbortSignal.timeout(minutes * 60_000);
  try {
    const response = await send(addressOf(path), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(parameters),
      signal,
    });
    return { data: (await response.json()) as T, asOf: asOfOf(response) };
  } catch (error) {
    // Nothing else aborts it. Without an end, a dialog could never be left.
    if (!signal.aborted || error instanceof ApiError) throw error;
    throw new ApiError(
      0,
      'UNREACHABLE',
      `No answer for ${minutes} minutes; it is not known whether it was done.`,
    );
  }
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
