import { codeOfNumber, errorNumbers } from '../../../src/engine/sqlserver/error-numbers.ts';
import { classify, explain } from '../../../src/engine/sqlserver/errors.ts';
import { MultiOutboxError } from '../../../src/errors.ts';

const subject = { tenantId: 'acme', database: 'sql-1,1433/sales' };
/** An error as mssql throws it for a server's answer. */
const answered = (number: number, message = 'text') => ({
  name: 'RequestError',
  code: 'EREQUEST',
  number,
  message,
});
const broken = (code: string, message = 'Connection lost') => ({
  name: 'RequestError',
  code: 'EREQUEST',
  message,
  originalError: { code },
});
const login = (number: number | undefined) => ({
  name: 'ConnectionError',
  code: 'ELOGIN',
  message: 'Login failed for user',
  number,
});

describe('errors of SQL Server (made up here, no server)', () => {
  test.each<[object, string, boolean]>([
    [answered(208, "Invalid object name 'x'"), 'SCHEMA_MISSING', false],
    [answered(2812, "Could not find stored procedure 'x'"), 'SCHEMA_MISSING', false],
    [answered(33557097, 'procedure t_messaging.outbox_begin() does not exist'), 'SCHEMA_MISSING', false],
    [answered(8144, 'Procedure or function has too many arguments specified'), 'SCHEMA_OUTDATED', false],
    [answered(201, "expects parameter '@x', which was not supplied"), 'SCHEMA_OUTDATED', false],
    [answered(1205), 'DATABASE_LOCKED', true],
    [answered(1222), 'DATABASE_LOCKED', true],
    [answered(33557097, 'canceling statement due to lock timeout'), 'DATABASE_LOCKED', true],
    [answered(3906), 'DATABASE_READONLY', false],
    [answered(33557097, 'cannot execute UPDATE in a read-only transaction'), 'DATABASE_READONLY', false],
    [answered(229, 'The EXECUTE permission was denied'), 'LOGIN_REFUSED', false],
    [answered(40613), 'DATABASE_RESUMING', true],
    [answered(errorNumbers.badValue), 'INVALID_ARGUMENT', false],
  ])('%o is %s: the call did nothing', (error, code, transient) => {
    expect(classify(error, 'calling')).toMatchObject({ code, transient, fate: 'refused' });
  });

  test.each<[object, string, boolean]>([
    [answered(9002), 'DATABASE_FULL', false],
    [answered(824), 'DATABASE_CORRUPT', false],
    [answered(3908), 'DATABASE_CORRUPT', false],
    [answered(515), 'DATABASE_ERROR', false],
    ...[
      601, 10936, 701, 802, 1204, 8645, 8651, 596, 40549, 40550, 40551, 40552, 40553, 976, 983, 3971, 40501,
      10928,
    ].map((number): [object, string, boolean] => [answered(number), 'DATABASE_UNREACHABLE', true]),
  ])('Q8: %o is %s, and may have struck after the commit', (error, code, transient) => {
    expect(classify(error, 'calling')).toMatchObject({ code, transient, fate: 'unclear' });
    expect(classify(error, 'connecting')).toMatchObject({ fate: 'unsent' });
  });

  test.each([
    [login(18456), 'LOGIN_REFUSED', false],
    [login(undefined), 'LOGIN_REFUSED', false],
    [login(4060), 'LOGIN_REFUSED', true],
    [login(40613), 'DATABASE_RESUMING', true],
    [
      { name: 'ConnectionError', code: 'ESOCKET', message: 'Failed to connect' },
      'DATABASE_UNREACHABLE',
      true,
    ],
    [
      { name: 'ConnectionError', code: 'ETIMEOUT', message: 'Failed to connect in 15000ms' },
      'DATABASE_UNREACHABLE',
      true,
    ],
    [{ name: 'CredentialUnavailableError', message: 'no identity' }, 'LOGIN_REFUSED', false],
  ])('while connecting %o is %s and was not sent', (error, code, transient) => {
    expect(classify(error, 'connecting')).toMatchObject({ code, transient, fate: 'unsent' });
  });

  test.each([
    broken('ESOCKET'),
    broken('ECONNRESET'),
    { name: 'RequestError', code: 'ETIMEOUT', message: 'Timeout: Request failed to complete in 30000ms' },
    { name: 'RequestError', code: 'ECONNCLOSED', message: 'Connection is closed', fate: 'unsent' },
  ])('Q8: a lost answer, %o, may have been carried out', (given) => {
    const { fate = 'unknown', ...error } = given as { fate?: string };
    expect(classify(error, 'calling')).toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      transient: true,
      fate,
    });
  });

  test('a wait for a lock, a deadlock, a call that takes too long and a lost connection are told apart', () => {
    const advice = (error: object) => classify(error, 'calling').advice;
    expect(advice(answered(1222))).toMatch(
      /waited too long for a lock of another transaction; end that transaction/,
    );
    expect(advice(answered(1205))).toMatch(/a deadlock\); try again$/);
    expect(
      advice({
        name: 'RequestError',
        code: 'ETIMEOUT',
        message: 'Timeout: Request failed to complete in 30000ms',
      }),
    ).toMatch(/not finished in time \(Timeout: .*30000ms\); end long transactions/);
    expect(advice(broken('ECONNRESET'))).toMatch(/connection was lost/);
    const waited = [answered(1222), answered(33557097, 'canceling statement due to lock timeout')];
    expect(waited.map((error) => classify(error, 'calling').waited)).toEqual([true, true]);
    expect(classify(answered(1205), 'calling').waited).toBeUndefined();
  });

  test.each([login(4060), { ...login(undefined), message: 'database "x" does not exist' }])(
    'a database that does not exist, %o, is not called a wrong password',
    (error) => {
      const { code, advice } = classify(error, 'connecting');
      expect([code, advice]).toEqual([
        'LOGIN_REFUSED',
        expect.stringMatching(/^the server has no database of this name.*create the database/),
      ]);
    },
  );

  test('Q3: a transaction that is not open is the caller’s mistake', () => {
    for (const code of ['ENOTBEGUN', 'EABORT']) {
      const error = { name: 'TransactionError', code, message: 'Transaction has not begun.' };
      expect(classify(error, 'calling')).toMatchObject({ code: 'TRANSACTION_NOT_OPEN', fate: 'unsent' });
    }
  });

  test('every number that the procedures throw has a code', () => {
    for (const number of Object.values(errorNumbers)) {
      expect(classify(answered(number), 'calling').code).toBe(codeOfNumber[number]);
    }
  });

  test('an explained error has the tenant, says what to do, and is one line', () => {
    const raw = answered(208, 'Invalid object\r\n  name');
    const error = explain(raw, classify(raw, 'calling'), subject);
    expect(error).toBeInstanceOf(MultiOutboxError);
    expect(error).toMatchObject({ code: 'SCHEMA_MISSING', tenantId: 'acme', cause: raw });
    expect(error.message).toMatch(
      /^tenant 'acme' \(sql-1,1433\/sales\): .*multi-outbox migrate --tenant acme/,
    );
    expect(
      explain(answered(515, 'a\nb'), classify(answered(515, 'a\nb'), 'calling'), subject).message,
    ).not.toMatch(/\n/);
    const ofRegistry = explain(raw, classify(raw, 'calling'), { ...subject, tenantId: undefined });
    expect(ofRegistry.message).toMatch(/run 'multi-outbox migrate --registry-only'$/);
  });
});
