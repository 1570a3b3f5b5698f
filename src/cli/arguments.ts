/** Parsers of option values. They reject bad text with an error that says which form the value must have. */
import { InvalidArgumentError } from 'commander';
import type { Address } from '../health/http-server.ts';
import { loopback } from '../health/serve-health.ts';
import { parseDuration } from '../settings.ts';

/**
 * Reads a duration, such as 500ms, 30s, 5m or 2h, as milliseconds. A bare number is refused: whoever types 30 may mean
 * seconds or days.
 */
export function durationArgument(text: string): number {
  const parsed = parseDuration(text);
  if (parsed === null || !/[a-z]/i.test(text)) {
    throw new InvalidArgumentError(
      'Give a duration of 0 or more with its unit, such as 500ms, 30s, 5m, 2h or 7d.',
    );
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

/** Whole seconds: a number of them, because the field is named by its unit, or a duration. */
export function secondsArgument(most: number): (text: string) => number {
  return (text) => {
    const seconds = /^-?\d+$/.test(text.trim()) ? Number(text) : durationArgument(text) / 1_000;
    if (Number.isInteger(seconds) && seconds >= 1 && seconds <= most) return seconds;
    throw new InvalidArgumentError(
      `Give a duration such as 30s or 5m, or a whole number of seconds from 1 to ${most}.`,
    );
  };
}

export function numberArgument(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError('Give a number.');
  return value;
}

/** A repeatable KEY=VALUE. The value may contain further `=` characters; a repeated key is an error. */
export function pairArgument(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Give KEY=VALUE.');
  const key = text.slice(0, at);
  if (Object.hasOwn(previous, key))
    throw new InvalidArgumentError(`'${key}' was given twice; give each key once.`);
  return { ...previous, [key]: text.slice(at + 1) };
}

export function listArgument(text: string, previous: readonly string[] = []): string[] {
  return [...previous, text];
}

/** A port, or an address of this machine with a port: 8080, 0.0.0.0:8080, [::]:8080. Without an address: loopback. */
export function addressArgument(text: string): Address {
  const [, ipv6, name, digits] =
    /^(?:(?:\[([\da-f:.%a-z]+)\]|([^\s:/[\]]+)):)?(\d{1,5})$/i.exec(text.trim()) ?? [];
  if (digits === undefined || Number(digits) > 65_535) {
    throw new InvalidArgumentError(
      `Give a port, such as 8080, which listens on ${loopback} only; or an address of this machine too, such as 0.0.0.0:8080.`,
    );
  }
  return { host: ipv6 ?? name ?? loopback, port: Number(digits) };
}
