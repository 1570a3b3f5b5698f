import stringWidth from 'string-width';
import { gap, layoutOf } from './layout.ts';
import type { Terminal } from './terminal.ts';
import { escapedLine, number } from './text.ts';
import { wrapped } from './wrap.ts';

type Cell = string | number | null | undefined;

export interface Column<Row> {
  readonly title: string;
  /** A number is shown as a count: `12,345`. */
  readonly cell: (row: Row) => Cell;
  readonly align?: 'right';
  /** Colours the cell's text. */
  readonly paint?: (text: string, row: Row) => string;
  /** Long text. On a narrow terminal it is wrapped, or shown below its row. */
  readonly text?: true;
  /** A narrow terminal leaves the column out, the highest number first. */
  readonly spare?: number;
  /** Names that a narrow terminal may break over lines. */
  readonly breaks?: true;
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
  middle: ' '.repeat(gap),
};
const style = { 'padding-left': 0, 'padding-right': 0, head: [], border: [] };

/** A terminal shows this many lines of a cell; `show` commands show texts whole. */
const mostLines = 3;
const indent = '  ';

/**
 * A table with a row of titles that fits into the terminal. In a pipe nothing is cut, wrapped or left out. Control
 * characters in cells are escaped.
 */
export async function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  terminal: Terminal,
): Promise<string> {
  const { colors, width } = terminal;
  const isTerminal = Number.isFinite(width);
  const texts = rows.map((row) => columns.map(({ cell }) => cellText(cell(row))));
  // A terminal has no room for a column that says nothing.
  const used = columns.map((_, index) => !isTerminal || texts.some((row) => row[index] !== ''));
  const shown = columns.flatMap((column, index) => (used[index] ? [{ ...column, index }] : []));
  const layout = layoutOf(
    shown.map(({ index, title, text, spare, breaks }) => ({
      width: Math.max(stringWidth(title), ...texts.map((row) => stringWidth(row[index]!))),
      isText: text === true,
      spare,
      breaks: breaks === true,
    })),
    width,
  );
  if (layout === null) {
    const records = texts.map((row) =>
      facts(
        shown.map(({ title, index }) => [title, row[index]]),
        terminal,
      ),
    );
    return (await Promise.all(records)).join('\n\n');
  }
  const cellsOf = (row: Row, index: number) =>
    layout.columns.map(({ index: place, width: room }) => {
      const { index: column, paint } = shown[place]!;
      const lines = wrapped(texts[index]![column]!, room, isTerminal ? mostLines : undefined);
      return lines.map((line) => (paint === undefined || line === '' ? line : paint(line, row))).join('\n');
    });
  const lines = await drawnRows(
    [layout.columns.map(({ index }) => colors.bold(shown[index]!.title)), ...rows.map(cellsOf)],
    layout.columns.map(({ index }) => shown[index]!.align ?? 'left'),
    layout.columns.map((column) => column.width),
  );
  const notes = (row: Row, index: number) =>
    layout.below.flatMap((place) => {
      const { index: column, paint, title } = shown[place]!;
      const text = texts[index]![column]!;
      if (text === '') return [];
      const named = layout.below.length > 1 ? `${title}: ${text}` : text;
      const room = Math.max(1, width - indent.length);
      return wrapped(named, room, mostLines).map((line) => `${indent}${paint ? paint(line, row) : line}`);
    });
  const [head, ...drawn] = lines;
  const hidden = [...layout.hidden].sort((one, other) => one - other).map((place) => shown[place]!.title);
  return [
    head,
    ...rows.flatMap((row, index) => [drawn[index], ...notes(row, index)]),
    ...(hidden.length === 0
      ? []
      : wrapped(`Too narrow for: ${hidden.join(', ')}.`, width).map((line) => colors.dim(line))),
  ].join('\n');
}

/** A list of names and values, one a line; on a terminal a long value goes on below itself. Entries without a value are left out. */
export async function facts(
  entries: readonly (readonly [name: string, value: Cell, paint?: ((text: string) => string) | undefined])[],
  { colors, width }: Terminal,
): Promise<string> {
  const present = entries.flatMap(([name, value, paint = String]) => {
    const text = cellText(value);
    return text === '' ? [] : [{ name, text, paint }];
  });
  const names = Math.max(0, ...present.map(({ name }) => stringWidth(name)));
  const room = Math.max(20, width - names - gap);
  const rows = await drawnRows(
    present.map(({ name, text, paint }) => [
      colors.bold(name),
      wrapped(text, room)
        .map((line) => paint(line))
        .join('\n'),
    ]),
    ['left', 'left'],
  );
  return rows.join('\n');
}

function cellText(value: Cell): string {
  return typeof value === 'number' ? number(value) : escapedLine(value ?? '');
}

/** Draws each row, which may have several lines, without spaces at the ends of lines. */
async function drawnRows(
  rows: readonly (readonly string[])[],
  colAligns: ('left' | 'right')[],
  colWidths?: number[],
): Promise<string[]> {
  const { default: Table } = await import('cli-table3');
  const drawn = new Table({ chars, style, colAligns, ...(colWidths && { colWidths }) });
  drawn.push(...rows.map((row) => [...row]));
  const lines = drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
  return rows.map((row) => {
    const height = Math.max(1, ...row.map((cell) => cell.split('\n').length));
    return lines.splice(0, height).join('\n');
  });
}
