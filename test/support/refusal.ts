import { isMultiOutboxError } from '../../src/errors.ts';

/** The error with which the library refuses something. Throws when nothing is refused. */
export function refusal(action: () => unknown): { code: string; message: string } {
  try {
    action();
  } catch (error) {
    if (isMultiOutboxError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was refused');
}
