/**
 * Reads queue messages, which any client may have written. A message is JSON text, or an object that the host parsed
 * from JSON text.
 */
import * as v from 'valibot';
import { MultiOutboxError, shownName } from '../../errors.ts';

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
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const field = result.issues[0].path?.map(({ key }) => shownName(String(key))).join('.');
  throw refusal(
    field ? `'${field}' is missing or has a wrong value` : `it does not have the fields of a ${name}`,
  );
}

/** Parses text as JSON; returns undefined when the text is not JSON. */
export function jsonOf(input: unknown): unknown {
  if (typeof input !== 'string') return input;
  try {
    return JSON.parse(input);
  } catch {
    return undefined;
  }
}
