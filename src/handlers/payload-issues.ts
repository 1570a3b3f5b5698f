import type * as v from 'valibot';

/**
 * Messages for a payload that is not an object, lacks a field or has an unknown field. valibot's own messages quote the
 * payload, and issues reach the logs.
 */
export function strictly(fields: string): v.ErrorMessage<v.StrictObjectIssue> {
  return ({ expected }) => {
    if (expected === 'never') return `is not a field; the fields are ${fields}`;
    return expected === 'Object' ? `must be an object of ${fields}` : 'is missing';
  };
}
