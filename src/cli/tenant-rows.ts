/** Reads the rows of a CSV file of tenants as a stream, so that the file may have any length. */
import type { Readable } from 'node:stream';
import { nearestName } from '../options.ts';
import { UsageError } from './errors.ts';
import { escapedLine, shorten } from './output/text.ts';
import { type FieldValues, type TenantField, tenantFields } from './tenant-fields.ts';

/** A valid row, or the problem with it. */
export type TenantRow =
  | {
      readonly line: number;
      readonly id: string;
      /** Values of the cells that are not empty. */
      readonly values: FieldValues;
      readonly tags: Readonly<Record<string, string>>;
    }
  | { readonly line: number; readonly id: string | null; readonly problem: string };

const fields = new Map(tenantFields.map((field) => [field.name, field]));
const tagPrefix = 'tag:';

/**
 * @param open opens the file. It is called when this is ready for its errors: a file that is missing may fail at once.
 * @throws UsageError when the heading is invalid, the file cannot be read, or its text is not CSV
 */
export async function* readTenantRows(open: () => Readable): AsyncGenerator<TenantRow> {
  const { CsvError, parse } = await import('csv-parse');
  const broken: TenantRow[] = [];
  const parser = parse({
    columns: checkedHeading,
    bom: true,
    info: true,
    trim: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      if (error) broken.push({ line: Number(error.lines), id: null, problem: escapedLine(error.message) });
      return undefined;
    },
  });
  const source = open();
  source.on('error', (error) => parser.destroy(error));
  let isEmpty = true;
  try {
    for await (const { info, record } of source.pipe(parser)) {
      isEmpty = false;
      yield* broken.splice(0);
      yield rowOf(info.lines, record);
    }
  } catch (error) {
    if (error instanceof CsvError)
      throw new UsageError(`The file is not valid CSV: ${escapedLine(error.message)}; correct the file.`);
    if (error instanceof Error && 'syscall' in error)
      throw new UsageError(
        `The file cannot be read: ${escapedLine(error.message)}; check its path and permissions.`,
      );
    throw error;
  }
  if (isEmpty && broken.length === 0)
    throw new UsageError('The file has no row below its heading; add one row for each tenant.');
  yield* broken;
}

/** Characters of a column's name in an error, so that the advice behind it is read. */
const mostShown = 100;

function checkedHeading(names: readonly string[]): string[] {
  const heading = names.map((name) => name.trim().toLowerCase());
  const known = ['id', ...fields.keys()];
  const unknown = names.find(
    (name, index) =>
      !known.includes(heading[index]!) && !(heading[index]!.startsWith(tagPrefix) && name.length > 4),
  );
  if (unknown !== undefined || !heading.includes('id')) {
    const near = unknown && nearestName(unknown.trim().toLowerCase(), known);
    const problem =
      unknown === undefined
        ? "The column 'id' is missing"
        : `The column '${shorten(unknown, mostShown)}' is unknown${near ? ` (did you mean '${near}'?)` : ''}`;
    throw new UsageError(
      `${problem}; the first line must name columns from this list: ${known.join(', ')}, tag:NAME.`,
    );
  }
  // Column names are case-insensitive, but the names of tags keep their case.
  const columns = names.map((name, index) =>
    heading[index]!.startsWith(tagPrefix) ? tagPrefix + name.trim().slice(tagPrefix.length) : heading[index]!,
  );
  const repeated = columns.find((column, index) => columns.indexOf(column) !== index);
  if (repeated === undefined) return columns;
  throw new UsageError(`The column '${shorten(repeated, mostShown)}' is there twice; remove one of the two.`);
}

function rowOf(line: number, record: Readonly<Record<string, string>>): TenantRow {
  const { id = '', ...cells } = record;
  if (id === '') return { line, id: null, problem: 'the id is missing; give the row one' };
  const values = new Map<TenantField, unknown>();
  const tags: [name: string, value: string][] = [];
  for (const [name, text] of Object.entries(cells)) {
    if (text === '') continue;
    const field = fields.get(name);
    if (field === undefined) {
      tags.push([name.slice(tagPrefix.length), text]);
      continue;
    }
    try {
      values.set(field, field.parse(text));
    } catch (error) {
      return { line, id, problem: `${name}: ${(error as Error).message}` };
    }
  }
  return { line, id, values, tags: Object.fromEntries(tags) };
}
