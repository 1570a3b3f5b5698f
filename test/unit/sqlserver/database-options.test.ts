/** The databases that tests create have the options that the environment names, and a wrong value is refused. */
import { creationOf, databaseOptions } from '../../support/sqlserver-options.ts';

const variable = 'MULTI_OUTBOX_TEST_SQLSERVER';

test('without variables, or with empty ones, a database has the defaults of its server', () => {
  for (const env of [{}, { [`${variable}_COLLATION`]: '', [`${variable}_RCSI`]: '' }]) {
    expect(creationOf('mo_test_1', databaseOptions(env))).toEqual(['CREATE DATABASE [mo_test_1]']);
  }
});

test('collation, compatibility level and READ_COMMITTED_SNAPSHOT are set before the first table exists', () => {
  const options = databaseOptions({
    [`${variable}_COLLATION`]: 'Turkish_100_CI_AS',
    [`${variable}_RCSI`]: 'off',
    [`${variable}_LEVEL`]: '150',
  });
  expect(creationOf('mo_test_1', options)).toEqual([
    'CREATE DATABASE [mo_test_1] COLLATE Turkish_100_CI_AS',
    'ALTER DATABASE [mo_test_1] SET COMPATIBILITY_LEVEL = 150',
    'ALTER DATABASE [mo_test_1] SET READ_COMMITTED_SNAPSHOT OFF WITH ROLLBACK IMMEDIATE',
  ]);
});

test.each([
  ['COLLATION', 'Turkish; DROP'],
  ['RCSI', 'yes'],
  ['LEVEL', 'latest'],
])('%s=%s is refused, with what would be right', (name, value) => {
  expect(() => databaseOptions({ [`${variable}_${name}`]: value })).toThrow(
    `${variable}_${name} is '${value}'; set it to `,
  );
});
