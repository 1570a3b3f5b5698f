/** Reads the body of a request, and keeps it up to a maximum length. */
import type { HttpRequest } from '@azure/functions';
import { HttpRefusal } from './refusal.ts';

/** The text of a body that is declared as JSON, not parsed. @throws HttpRefusal 400, 413, 415 */
export async function jsonBody(request: HttpRequest, maxBytes: number): Promise<string> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/json' && !/^application\/[^\s/]+\+json$/.test(type)) {
    throw new HttpRefusal(
      415,
      'Unsupported media type',
      'Send JSON with the header content-type: application/json.',
    );
  }
  return textBody(request, maxBytes);
}

/** The text of a body with every byte, a byte order mark included. @throws HttpRefusal 400, 413 */
export async function textBody(request: HttpRequest, maxBytes: number): Promise<string> {
  const bytes = await bodyBytes(request, maxBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new HttpRefusal(
      400,
      'Invalid request',
      'The body is not valid UTF-8; encode it as UTF-8 and send it again.',
    );
  }
}

/**
 * Reads the body to its end even when it is too long: the host forwards the request while the app reads it, and can
 * forward no answer to a request that the app has not read.
 */
async function bodyBytes(request: HttpRequest, maxBytes: number): Promise<Buffer> {
  let parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of request.body ?? []) {
      length += part.byteLength;
      if (length > maxBytes) parts = [];
      else parts.push(part);
    }
  } catch {
    throw new HttpRefusal(400, 'Incomplete request', 'The body ended too early; send the request again.');
  }
  if (length > maxBytes) {
    throw new HttpRefusal(413, 'Too large', `The body is longer than ${maxBytes} bytes; send less at once.`);
  }
  return Buffer.concat(parts);
}

/** The body as a stream that is read only as far as its reader asks; what a reader leaves when it cancels is discarded. */
export function readOnDemand(request: HttpRequest): ReadableStream<Uint8Array> | null {
  if (request.body === null) return null;
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const next = () => {
    reader ??= (request.body as ReadableStream<Uint8Array>).getReader();
    return reader.read();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        try {
          while (!(await next()).done);
        } catch {
          // The caller has gone, so nothing is left to read.
        }
      },
    },
    // Without it the stream would read the first part before it is asked.
    { highWaterMark: 0 },
  );
}

/** Reads what the handler has not read of the request, so that the host can forward the answer. */
export async function discardBody(request: HttpRequest): Promise<void> {
  if (request.bodyUsed) return;
  try {
    await request.body?.pipeTo(new WritableStream());
  } catch {
    // The caller has gone, so nothing is left to read.
  }
}
