/** How a table fits into the width of a terminal. */

/** What the layout must know of a column. */
export interface ColumnShape {
  /** The width of its widest cell, or of its title. */
  readonly width: number;
  /** Text, which is wrapped, or shown below its row if the terminal is too narrow. */
  readonly isText: boolean;
  /** Columns are left out of a terminal that is too narrow, the highest number first; undefined if never. */
  readonly spare: number | undefined;
  /** Names that may be broken over lines as a last resort. */
  readonly breaks: boolean;
}

export interface Layout {
  /** The columns of the table, with their widths. */
  readonly columns: readonly { readonly index: number; readonly width: number }[];
  /** The columns whose cells are shown below their row. */
  readonly below: readonly number[];
  /** The columns that are left out. */
  readonly hidden: readonly number[];
}

export const gap = 2;
/** Text in a narrower column is hard to read. */
const narrowestText = 30;
const narrowestName = 14;

type Indexed = ColumnShape & { readonly index: number };

/** Null if not even the needed columns fit side by side. */
export function layoutOf(shapes: readonly ColumnShape[], width: number): Layout | null {
  const all = shapes.map((shape, index) => ({ ...shape, index }));
  const others = all.filter(({ isText }) => !isText);
  const wrapped = shrunk(all, width, ({ isText }) => isText, narrowestText);
  if (wrapped !== null) return { columns: wrapped, below: [], hidden: [] };
  const below = all.filter(({ isText }) => isText).map(({ index }) => index);
  const spare = others
    .filter((shape) => shape.spare !== undefined)
    .sort((one, other) => other.spare! - one.spare!);
  for (let count = 0; count <= spare.length; count++) {
    const hidden = spare.slice(0, count).map(({ index }) => index);
    const kept = others.filter(({ index }) => !hidden.includes(index));
    const breaks = ({ breaks }: ColumnShape) => count === spare.length && breaks;
    const columns = shrunk(kept, width, breaks, narrowestName);
    if (columns !== null) return { columns, below, hidden };
  }
  return null;
}

/** Takes what is too wide from the columns that may shrink, the widest first; null if that is not enough. */
function shrunk(
  shapes: readonly Indexed[],
  width: number,
  mayShrink: (shape: ColumnShape) => boolean,
  narrowest: number,
): { index: number; width: number }[] | null {
  const columns = shapes.map((shape) => ({
    index: shape.index,
    width: shape.width,
    least: mayShrink(shape) ? Math.min(shape.width, narrowest) : shape.width,
  }));
  let excess = columns.reduce((sum, column) => sum + column.width + gap, -gap) - width;
  while (excess > 0) {
    const widest = columns
      .filter((column) => column.width > column.least)
      .sort((one, other) => other.width - one.width)[0];
    if (widest === undefined) return null;
    widest.width -= 1;
    excess -= 1;
  }
  return columns.map(({ index, width: shown }) => ({ index, width: shown }));
}
