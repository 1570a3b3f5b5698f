import type * as v from 'valibot';

/**
 * What a strict object says of a payload that is none, lacks a field or has one that is not known. valibot's own
 * words quote what they found, and issues end up in logs.
 */
export function strictly(fields: string): v.ErrorMessage<v.StrictObjectIssue> {
  return ({ expected }) => {
    if (expected === 'never') return `is not a field; the fields are ${fields}`;
    return expected === 'Object' ? `must be an object of ${fields}` : 'is missing';
  };
}
