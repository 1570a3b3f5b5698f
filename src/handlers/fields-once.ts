import { jsonMembers, repeatedName } from '../engine/json-text.ts';
import { PermanentError } from '../queue/handler.ts';

/**
 * The fields of a payload, as its producer wrote them. `JSON.parse` would keep only the last of two equal ones, and so drop
 * a recipient or a URL silently.
 * @param payload a JSON object
 * @throws PermanentError when a field, or one of its `headers`, is there twice; fields of attachments are not looked at
 */
export function fieldsOnce(payload: string): ReturnType<typeof jsonMembers> {
  const fields = jsonMembers(payload);
  const headers = fields.find(({ name }) => name === 'headers')?.value;
  const isRepeated =
    repeatedName(fields) !== undefined ||
    (headers?.startsWith('{') && repeatedName(jsonMembers(headers)) !== undefined);
  if (!isRepeated) return fields;
  throw new PermanentError(
    'The payload contains a field twice, so the handler cannot know which value to send; enqueue a payload with each field once.',
  );
}
