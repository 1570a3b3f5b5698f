/**
 * The server that MULTI_OUTBOX_TEST_SQLSERVER names, by an ADO connection string of a login that may create databases.
 * Without it the tests that need a server are skipped, by name.
 */
export const serverVariable = 'MULTI_OUTBOX_TEST_SQLSERVER';
/** Empty when there is no server to test on. */
export const serverConnectionString = process.env[serverVariable] ?? '';
export const describeOnServer = serverConnectionString === '' ? describe.skip : describe;
