import type { LogFields } from './logger.ts';

// Control characters and characters that change the direction of text.
const control = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

export const escapedCharacter = (character: string) =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Makes text one line: line breaks and tabs become spaces, other control characters become \uXXXX. */
export function escapedLine(text: string): string {
  return text
    .replace(/\s*[\r\n]+\s*/g, ' ')
    .replace(/\t/g, ' ')
    .replace(control, escapedCharacter)
    .trim();
}

/** The fields of a log line as ` name=value name=value`; errors without their stacks. */
export function fieldsText(fields: LogFields): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${valueText(value)}`)
    .join('');
}

function valueText(value: unknown): string {
  const text =
    value instanceof Error ? value.message : typeof value === 'string' ? value : JSON.stringify(value);
  return escapedLine(
    /[\s"=]/.test(text ?? '') && typeof value === 'string' ? JSON.stringify(text) : (text ?? ''),
  );
}
