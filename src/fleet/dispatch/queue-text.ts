/** What comes through a queue is text that anybody may have written: JSON, or what a host has made of the JSON. */
import * as v from 'valibot';
import { MultiOutboxError } from '../../errors.ts';

/**
 * Bytes of UTF-8 that a queue of Azure Storage takes in one message: 64 KiB hold them as base64, in which hosts put
 * messages unless told otherwise.
 */
export const queueMessageBytes = 48 * 1024;

/**
 * The content, checked and typed by the schema.
 * @param name what it should be, such as 'dispatch request', and what to do about it when it is not
 * @throws MultiOutboxError INVALID_ARGUMENT that names what is wrong, without the content
 */
export function readQueueText<const Schema extends v.GenericSchema>(
  input: unknown,
  schema: Schema,
  { name, remedy }: { readonly name: string; readonly remedy: string },
): v.InferOutput<Schema> {
  const refusal = (why: string) =>
    new MultiOutboxError('INVALID_ARGUMENT', `This is no ${name}: ${why}. ${remedy}`);
  const json = jsonOf(input);
  if (json === undefined) throw refusal('it is not JSON');
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const field = result.issues[0].path?.map(({ key }) => String(key)).join('.');
  throw refusal(field ? `'${field}' is missing or not as it should be` : 'it has another form');
}

/** Undefined when it is no JSON. */
export function jsonOf(input: unknown): unknown {
  if (typeof input !== 'string') return input;
  try {
    return JSON.parse(input);
  } catch {
    return undefined;
  }
}
