/** Reads the parameters of a request: the query of a GET, the JSON object of a POST. */
import { Refusal } from './answer.ts';

/** Room for the payload of an edited message. */
const usualBody = 4 * 2 ** 20;

export async function givenParameters(
  request: Request,
  url: URL,
  largestBody = usualBody,
): Promise<Record<string, unknown>> {
  if (request.method === 'GET') return queryOf(url);
  // A query would be a second place for parameters, and would be logged.
  if (url.search !== '') throw new Refusal(400, 'INVALID_ARGUMENT', 'An act takes no query.');
  return bodyOf(request, largestBody);
}

function queryOf(url: URL): Record<string, string> {
  const given: Record<string, string> = {};
  for (const [name, value] of url.searchParams) {
    if (Object.hasOwn(given, name))
      throw new Refusal(400, 'INVALID_ARGUMENT', 'The query has a parameter twice.');
    Object.defineProperty(given, name, { value, enumerable: true });
  }
  return given;
}

async function bodyOf(request: Request, largestBody: number): Promise<Record<string, unknown>> {
  // A form can send other types without asking first.
  if (!/^application\/json(; *charset=utf-8)?$/i.test(request.headers.get('content-type') ?? ''))
    throw new Refusal(415, 'UNSUPPORTED_TYPE', 'An act is sent as application/json.');
  const bytes: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body ?? []) {
      size += chunk.byteLength;
      if (size > largestBody)
        throw new Refusal(413, 'TOO_LARGE', `The request is larger than ${largestBody / 2 ** 20} MiB.`);
      bytes.push(chunk);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(400, 'INVALID_ARGUMENT', 'The body ended too early; send the request again.');
  }
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(bytes)));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // The same answer as for JSON that is not an object.
  }
  throw new Refusal(400, 'INVALID_ARGUMENT', 'The body is not a JSON object.');
}
