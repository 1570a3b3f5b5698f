/** One value as one line of JSON, so that a reader can parse `--json` output line by line. Dates are ISO 8601. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
