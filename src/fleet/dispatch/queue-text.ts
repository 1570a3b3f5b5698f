/**
 * Reads queue messages, which any client may have written. A message is JSON text, base64 of it, or an object that the
 * host parsed from JSON text. Plain text is the default of most queue libraries, base64 that of the Functions host.
 */
import type * as v from 'valibot';
import { MultiOutboxError, shownName } from '../../errors.ts';
import { safeParse } from '../../safe-parse.ts';

/**
 * The most UTF-8 bytes in one message of an Azure Storage queue: its limit is 64 KiB, and hosts encode messages as
 * base64 by default.
 */
export const queueMessageBytes = 48 * 1024;

/**
 * Returns the content, checked and typed by the schema.
 * @param name the expected kind, such as 'dispatch request'; `remedy` says what to do when the content is not of that
 *   kind
 * @throws MultiOutboxError INVALID_ARGUMENT that names what is wrong, without the content
 */
export function readQueueText<const Schema extends v.GenericSchema>(
  input: unknown,
  schema: Schema,
  { name, remedy }: { readonly name: string; readonly remedy: string },
): v.InferOutput<Schema> {
  const refusal = (why: string) =>
    new MultiOutboxError('INVALID_ARGUMENT', `This is not a ${name}: ${why}. ${remedy}`);
  const json = jsonOf(input);
  if (json === undefined) throw refusal('it is not JSON');
  const result = safeParse(schema, json);
  if (result.success) return result.output;
  const field = result.issues[0].path?.map(({ key }) => shownName(String(key))).join('.');
  throw refusal(
    field ? `'${field}' is missing or has a wrong value` : `it does not have the fields of a ${name}`,
  );
}

/** Parses text, or base64 of text, as JSON; returns undefined when the text is not JSON. */
export function jsonOf(input: unknown): unknown {
  if (typeof input !== 'string') return input;
  try {
    return JSON.parse(input);
  } catch {
    const decoded = textOfBase64(input);
    return decoded === undefined ? undefined : jsonOfText(decoded);
  }
}

function jsonOfText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The text that this base64 encodes as UTF-8; undefined when it is not base64 of UTF-8. */
export function textOfBase64(base64: string): string | undefined {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
