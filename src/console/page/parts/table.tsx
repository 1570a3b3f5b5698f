import type { ComponentChildren } from 'preact';
import { Scroll } from './scroll.tsx';

export interface Column<Row> {
  readonly title: string;
  readonly number?: boolean;
  /** Long texts are cut to one line. */
  readonly long?: boolean;
  /** Long texts take several lines. */
  readonly wrap?: boolean;
  cell(row: Row): ComponentChildren;
}

interface TableProps<Row> {
  /** Names the table; it is not seen. */
  caption: string;
  rows: readonly Row[];
  /** The first one is the row's heading. */
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
}

export function Table<Row>({ caption, rows, columns, keyOf }: TableProps<Row>) {
  const [first, ...others] = columns;
  return (
    <Scroll label={caption}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, number }) => (
              <th scope="col" key={title} class={number ? 'number' : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              <th scope="row" class={first!.wrap ? 'wrap' : undefined}>
                {first!.cell(row)}
              </th>
              {others.map(({ title, number, long, wrap, cell }) => (
                <td key={title} class={number ? 'number' : long ? 'long' : wrap ? 'wrap' : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
