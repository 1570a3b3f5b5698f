import type { Colors } from './colors.ts';
import { escapedLine } from './text.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string | number | null | undefined;
  readonly align?: 'right';
  /** Colours the cell's text. */
  readonly paint?: (text: string, row: Row) => string;
}

// No frame, and two spaces between columns, so that a line can be copied and split.
const chars = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

const style = { 'padding-left': 0, 'padding-right': 0, head: [], border: [] };

/** A table with a row of titles. Control characters in cells are escaped. */
export async function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  colors: Colors,
): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const drawn = new Table({
    chars,
    style,
    head: columns.map(({ title }) => colors.bold(title)),
    colAligns: columns.map(({ align }) => align ?? 'left'),
  });
  for (const row of rows) {
    drawn.push(
      columns.map(({ cell, paint }) => {
        const text = escapedLine(String(cell(row) ?? ''));
        return paint === undefined || text === '' ? text : paint(text, row);
      }),
    );
  }
  return withoutTrailingSpaces(drawn.toString());
}

/** A list of names and values, one a line. Entries without a value are left out. */
export async function facts(
  entries: readonly (readonly [string, string | number | null | undefined])[],
  colors: Colors,
): Promise<string> {
  const present = entries.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const { default: Table } = await import('cli-table3');
  const drawn = new Table({ chars, style });
  for (const [name, value] of present) drawn.push([colors.bold(name), escapedLine(String(value))]);
  return withoutTrailingSpaces(drawn.toString());
}

function withoutTrailingSpaces(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
