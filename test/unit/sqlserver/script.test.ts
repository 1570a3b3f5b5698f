import {
  expandScript,
  isPlainIdentifier,
  splitBatches,
} from '../../../src/engine/sqlserver/migrations/script.ts';

const reading = (files: Record<string, string>) => (path: string) => {
  const text = files[path];
  if (text === undefined) throw new Error(`no file ${path}`);
  return text;
};

describe('sqlcmd scripts (text put together, no server)', () => {
  test('an include replaces its line, each time with the current variables', () => {
    const files = {
      'a.sql':
        '-- head\n:setvar Queue Outbox\n:r parts/t.sql\n:setvar Queue Inbox\n:r parts/t.sql\n-- foot\n',
      'parts/t.sql': 'CREATE TABLE [$(Schema)].[$(Queue)];\nGO\n',
    };
    expect(expandScript('a.sql', reading(files))).toBe(
      '-- head\nCREATE TABLE [$(Schema)].[Outbox];\nGO\nCREATE TABLE [$(Schema)].[Inbox];\nGO\n-- foot\n',
    );
  });

  test('variables given from outside are put in, unknown ones stay', () => {
    const files = { 'a.sql': 'SELECT $(Schema), $(Other)' };
    expect(expandScript('a.sql', reading(files), { Schema: 's' })).toBe('SELECT s, $(Other)\n');
  });

  test('an include inside a procedure joins its batch', () => {
    const files = {
      'a.sql': 'ALTER PROCEDURE p AS\nIF 1 = 1\n:r part.sql\nGO\nSELECT 2',
      'part.sql': '-- a part\nUPDATE t SET x = 1;\n',
    };
    expect(splitBatches(expandScript('a.sql', reading(files)))).toEqual([
      'ALTER PROCEDURE p AS\nIF 1 = 1\n-- a part\nUPDATE t SET x = 1;',
      'SELECT 2',
    ]);
  });

  test('CRLF ends a line', () => {
    expect(
      splitBatches(expandScript('a.sql', reading({ 'a.sql': 'SELECT 1\r\nGO\r\nSELECT 2\r\n' }))),
    ).toEqual(['SELECT 1', 'SELECT 2']);
  });

  test('GO on its own line ends a batch, in any case; a batch of comments is dropped', () => {
    expect(splitBatches("SELECT 'GO'\n  go  \n-- nothing\n\nGO\nGOTO x\nGO\n")).toEqual([
      "SELECT 'GO'",
      'GOTO x',
    ]);
  });

  test('a script that includes itself, or uses another sqlcmd command, is refused by name', () => {
    const circle = { 'a.sql': ':r b.sql', 'b.sql': ':r a.sql' };
    expect(() => expandScript('a.sql', reading(circle))).toThrow(
      expect.objectContaining({
        code: 'INVALID_CONFIGURATION',
        message: expect.stringContaining('sql/a.sql'),
      }),
    );
    expect(() => expandScript('a.sql', reading({ 'a.sql': ':connect elsewhere' }))).toThrow(
      expect.objectContaining({
        code: 'INVALID_CONFIGURATION',
        message: expect.stringContaining("line 1 uses the sqlcmd command ':connect elsewhere'"),
      }),
    );
  });

  test.each(['messaging', '_x', 'A1'])('%s is a plain identifier', (name) => {
    expect(isPlainIdentifier(name)).toBe(true);
  });

  test.each(['', '1a', 'a b', 'a]b', "a'b", 'a.b', 'x'.repeat(129)])('%j is not an identifier', (name) => {
    expect(isPlainIdentifier(name)).toBe(false);
  });
});
