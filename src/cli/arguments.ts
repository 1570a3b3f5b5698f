/** Parsers of options: what they refuse is wrong usage, with a reason. */
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../settings.ts';

/** A duration in milliseconds, from text such as 500ms, 30s, 5m or 2h. */
export function durationArgument(text: string): number {
  const parsed = parseDuration(text);
  if (parsed === null || text.trim() === '') {
    throw new InvalidArgumentError('Give a duration of 0 or more, such as 500ms, 30s, 5m, 2h or 7d.');
  }
  return parsed;
}

export function durationOrNever(text: string): number | 'never' {
  return text.trim().toLowerCase() === 'never' ? 'never' : durationArgument(text);
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

export function numberArgument(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError('Give a number.');
  return value;
}

/** A repeatable KEY=VALUE. The value may hold further `=`; the same key twice is refused. */
export function pairArgument(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Give it as KEY=VALUE.');
  const key = text.slice(0, at);
  if (Object.hasOwn(previous, key)) throw new InvalidArgumentError(`'${key}' is given twice.`);
  return { ...previous, [key]: text.slice(at + 1) };
}

/** A repeatable option. */
export function listArgument(text: string, previous: readonly string[] = []): string[] {
  return [...previous, text];
}
