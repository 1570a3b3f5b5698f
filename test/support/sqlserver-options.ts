/**
 * The options of the databases that tests create on a server, from environment variables, so that the workflow can vary
 * them. docs/testing.md describes the variables. An option that is not set is the server's default.
 */
export interface DatabaseOptions {
  readonly collation?: string;
  readonly readCommittedSnapshot?: boolean;
  readonly compatibilityLevel?: number;
}

const prefix = 'MULTI_OUTBOX_TEST_SQLSERVER';

/** @throws when a variable's value cannot be used */
export function databaseOptions(env: NodeJS.ProcessEnv = process.env): DatabaseOptions {
  const { collation, rcsi, level } = {
    collation: valueIn(env, 'COLLATION', /^\w+$/, "a collation's name, such as Turkish_100_CI_AS"),
    rcsi: valueIn(env, 'RCSI', /^(?:on|off)$/, "'on' or 'off'"),
    level: valueIn(env, 'LEVEL', /^\d{3}$/, 'a compatibility level, such as 150'),
  };
  return {
    ...(collation !== undefined && { collation }),
    ...(rcsi !== undefined && { readCommittedSnapshot: rcsi === 'on' }),
    ...(level !== undefined && { compatibilityLevel: Number(level) }),
  };
}

/** Statements that create a database with these options. */
export function creationOf(name: string, options: DatabaseOptions): string[] {
  const { collation, readCommittedSnapshot, compatibilityLevel } = options;
  const alter = (setting: string) => `ALTER DATABASE [${name}] SET ${setting}`;
  return [
    `CREATE DATABASE [${name}]${collation === undefined ? '' : ` COLLATE ${collation}`}`,
    ...(compatibilityLevel === undefined ? [] : [alter(`COMPATIBILITY_LEVEL = ${compatibilityLevel}`)]),
    ...(readCommittedSnapshot === undefined
      ? []
      : [alter(`READ_COMMITTED_SNAPSHOT ${readCommittedSnapshot ? 'ON' : 'OFF'} WITH ROLLBACK IMMEDIATE`)]),
  ];
}

function valueIn(env: NodeJS.ProcessEnv, name: string, form: RegExp, expected: string): string | undefined {
  const value = env[`${prefix}_${name}`] || undefined;
  if (value !== undefined && !form.test(value))
    throw new Error(`${prefix}_${name} is '${value}'; set it to ${expected}.`);
  return value;
}
