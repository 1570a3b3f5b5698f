import { isError, propertyOf } from '../errors.ts';

/** The most frames of a stack that are logged. */
const mostFrames = 20;

/** A frame as V8 writes it, with its place. A line of an error's former text is not taken for one, because it lacks the place. */
const frame =
  /^ {4}at (?:.*:(?:\d+:\d+|wasm-function\[\d+\]:0x[\da-f]+)\)?|.*\((?:<anonymous>|native|index \d+)\)|<anonymous>)$/;

/**
 * The frames of an error's stack, without its first lines, which repeat the error's text; null when it has none. Never
 * throws, even if reading the error does.
 */
export function stackFrames(error: unknown): string | null {
  if (!isError(error)) return null;
  const stack = propertyOf(error, 'stack');
  const message = propertyOf(error, 'message');
  if (typeof stack !== 'string') return null;
  // A text of several lines could look like frames, so the text goes first.
  const textAt = typeof message === 'string' && message !== '' ? stack.indexOf(message) : -1;
  const rest = textAt === -1 ? stack : stack.slice(textAt + (message as string).length);
  const lines = rest.split('\n');
  const first = lines.findLastIndex((line) => !frame.test(line)) + 1;
  const frames = lines.slice(first, first + mostFrames);
  return frames.length === 0 ? null : frames.map((frame) => frame.trim()).join(' | ');
}
