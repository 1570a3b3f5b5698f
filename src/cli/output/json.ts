/** One value, one line: results of `--json` can be read line by line, whatever the command. Dates are ISO 8601. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
