/** Reads the body of a request, up to a maximum length. */
import type { HttpRequest } from '@azure/functions';
import { HttpRefusal } from './problem.ts';

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

async function bodyBytes(request: HttpRequest, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.byteLength;
    if (length > maxBytes) throw tooLarge(maxBytes);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function tooLarge(maxBytes: number): HttpRefusal {
  return new HttpRefusal(413, 'Too large', `The body is longer than ${maxBytes} bytes; send less at once.`);
}
