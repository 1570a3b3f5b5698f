/** docs/troubleshooting.md: the session that needs a server, played to its end (S1). See test/support/sqlserver.ts. */
import { randomBytes } from 'node:crypto';
import { blockOf } from '../../support/documents.ts';
import { FleetPlace } from '../../support/fleet-place.ts';
import { OperatorTerminal, play } from '../../support/operator-session.ts';
import { testWithSignals } from '../../support/platform.ts';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';
import { TestDatabases, without } from '../../support/sqlserver-databases.ts';
import { forgetPassword, shownAsDocumented, stageWrongPassword } from '../../support/wrong-password.ts';

describeOnServer(`an operator’s session on SQL Server (${serverVariable})`, () => {
  const databases = new TestDatabases(serverConnectionString);
  const place = new FleetPlace();
  const login = `mo_test_${randomBytes(6).toString('hex')}`;
  const password = `P1_${randomBytes(12).toString('hex')}`;
  let database = '';
  let terminal: OperatorTerminal;

  beforeAll(async () => {
    terminal = new OperatorTerminal();
    database = await databases.take('tenant');
    await databases.batch('master', `CREATE LOGIN [${login}] WITH PASSWORD = '${password}'`);
    await databases.batch(
      database,
      `CREATE USER [${login}] FOR LOGIN [${login}]`,
      `ALTER ROLE [messaging_dispatcher] ADD MEMBER [${login}]`,
    );
  }, 120_000);
  afterEach(() => {
    jest.restoreAllMocks();
    forgetPassword();
  });
  afterAll(async () => {
    await terminal.close();
    await databases.drop(database);
    await databases.batch('master', `DROP LOGIN [${login}]`);
    await databases.dispose();
  }, 120_000);

  testWithSignals(
    'a-wrong-password: its session is what an operator sees, the remedy included',
    async () => {
      // Retries come late within their jitter.
      jest.spyOn(Math, 'random').mockReturnValue(0.9);
      const others = without(databases.connectionString, /^(user id|uid|password|pwd)$/i);
      const withPassword = (given: string) => `${others};User Id=${login};Password=${given}`;
      const stage = await stageWrongPassword(place, {
        database,
        right: withPassword(password),
        wrong: withPassword(`${password}_old`),
        executes: true,
        shown: shownAsDocumented,
      });
      await play(terminal, stage, [
        blockOf('docs/troubleshooting.md', 'console', 'a-wrong-password'),
        blockOf('docs/troubleshooting.md', 'console', 'a-wrong-password-remedy'),
      ]);
    },
    120_000,
  );
});
