import { stripVTControlCharacters as plain } from 'node:util';
import stringWidth from 'string-width';
import { colorsFor } from '../../../src/cli/output/colors.ts';
import { type Column, facts, table } from '../../../src/cli/output/table.ts';
import { terminalOf } from '../../../src/cli/output/terminal.ts';
import { wrapped } from '../../../src/cli/output/wrap.ts';

interface Row {
  readonly id: string;
  readonly count: number;
  readonly lost: number;
  readonly nothing: string;
  readonly note: string;
}

const error =
  'the database cannot be opened; check that it is a file and that this program may read it 🦆 古古';
const rows: readonly Row[] = [
  { id: 'acme', count: 12_345, lost: 0, nothing: '', note: error },
  { id: 'a-tenant-whose-id-is-as-long-as-an-id-can-be', count: 0, lost: 7, nothing: '', note: '' },
];
const columns: readonly Column<Row>[] = [
  { title: 'Tenant', cell: ({ id }) => id, breaks: true },
  { title: 'Count', cell: ({ count }) => count, align: 'right' },
  { title: 'Lost', cell: ({ lost }) => lost, align: 'right', spare: 1 },
  { title: 'Nothing', cell: ({ nothing }) => nothing },
  { title: 'Trouble', cell: ({ note }) => note, text: true, paint: (text) => `\u001b[31m${text}\u001b[39m` },
];
const colors = colorsFor({});
const drawn = (width: number, given = rows) => table(given, columns, { colors, width });

test('in a pipe a row is one line, and nothing is cut or left out', async () => {
  const text = plain(await drawn(Number.POSITIVE_INFINITY));
  expect(text.split('\n')).toHaveLength(3);
  expect(text).toMatch(/^Tenant +Count +Lost +Nothing +Trouble\n/);
  expect(text).toContain(`acme ${' '.repeat(41)}12,345     0           ${error}`);
});

test.each([200, 120, 100, 80, 60, 40, 30])('on a terminal of %d columns every line fits', async (width) => {
  const text = await drawn(width);
  for (const line of text.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(width);
  // Every id, count and text can still be read, joined at its breaks.
  const joined = plain(text).replaceAll(/\s+/g, '');
  expect(joined).toContain('12,345');
  expect(joined).not.toContain('Nothing');
  if (width >= 80) {
    expect(joined).toContain(error.replaceAll(' ', ''));
    expect(joined).toContain(rows[1]!.id);
  }
});

test('what is left out of a narrow terminal is named, and texts stand below their rows', async () => {
  const text = plain(await drawn(54));
  expect(text.split('\n')).toEqual([
    `Tenant${' '.repeat(39)}  Count`,
    `acme${' '.repeat(42)}12,345`,
    '  the database cannot be opened; check that it is a',
    '  file and that this program may read it 🦆 古古',
    `${rows[1]!.id}${' '.repeat(52 - rows[1]!.id.length - 1)}0`,
    'Too narrow for: Lost.',
  ]);
});

test('if not even the needed columns fit, a row is a list of its fields', async () => {
  const wide: Column<Row>[] = [
    { title: 'Message', cell: () => '01a22024-75f9-722a-bb39-d5d5dfbda933' },
    { title: 'Other', cell: () => '01a22024-75f9-722a-bb39-d5d5dfbda933' },
  ];
  const text = await table(rows, wide, { colors, width: 60 });
  const record =
    'Message  01a22024-75f9-722a-bb39-d5d5dfbda933\nOther    01a22024-75f9-722a-bb39-d5d5dfbda933';
  expect(text).toBe(`${record}\n\n${record}`);
});

test('a value that is longer than the line goes on below itself', async () => {
  const entries = [
    ['Error', 'one two three four five six'],
    ['Empty', null],
    ['Count', 1_234],
  ] as const;
  expect(await facts(entries, { colors, width: 30 })).toBe(
    'Error  one two three four five\n       six\nCount  1,234',
  );
  expect(await facts(entries, { colors, width: Number.POSITIVE_INFINITY })).toBe(
    'Error  one two three four five six\nCount  1,234',
  );
});

test('text is broken between words, in a word that is too long, and is cut with …', () => {
  expect(wrapped('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrapped('abcdefghij k', 4)).toEqual(['abcd', 'efgh', 'ij k']);
  expect(wrapped('tenants/a-long-name.db', 16)).toEqual(['tenants/a-long-', 'name.db']);
  expect(wrapped('古古古 古古', 6)).toEqual(['古古古', '古古']);
  expect(wrapped('one two three four five', 7, 2)).toEqual(['one two', 'three…']);
});

test('only a terminal has a width', () => {
  expect(terminalOf({ columns: 80 }).width).toBe(Number.POSITIVE_INFINITY);
  expect(terminalOf({ isTTY: true, columns: 80 }).width).toBe(80);
});
