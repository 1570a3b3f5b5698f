/** Tables of documents, which tests compare with the program. */
import { readFileSync } from 'node:fs';

/** The cells of the table that follows these headings. @throws when there is none */
export function documentTable(file: string, ...headings: string[]): string[][] {
  const lines = readFileSync(file, 'utf8').split('\n');
  const start = lines.indexOf(`| ${headings.join(' | ')} |`);
  if (start === -1) throw new Error(`${file} has no table of ${headings.join(', ')}`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}
