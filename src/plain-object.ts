/**
 * True for an object that has fields, or could have: false for a Map, a Date or a list, whose content is not in fields and
 * would be lost.
 */
export function hasFields(value: unknown): value is Record<string, unknown> {
  if (isPlainObject(value)) return true;
  try {
    return (
      typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
    );
  } catch {
    return false;
  }
}

/**
 * True for an object literal, and for an object without a prototype. Also true for those of another realm (node:vm),
 * whose prototype is another one.
 */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  try {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const prototype = Object.getPrototypeOf(value);
    return prototype === null || Object.getPrototypeOf(prototype) === null;
  } catch {
    // A proxy, which may be revoked.
    return false;
  }
}
