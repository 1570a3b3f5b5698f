// `node .ci/start-sql-server.mjs 2022` starts that SQL Server in a container and waits until a login succeeds. The job's
// later steps find it by MULTI_OUTBOX_TEST_SQLSERVER. The password is made here, and ends with the container.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import mssql from 'mssql';

const container = 'sqlserver';
const deadlineMs = 240_000;

const [version] = process.argv.slice(2);
const { GITHUB_ENV } = process.env;
if (version === undefined || GITHUB_ENV === undefined) {
  console.error(
    'Name a version of SQL Server, such as 2022, and a file to write the variable to in GITHUB_ENV.',
  );
  process.exit(2);
}

// The prefix has the kinds of characters that SQL Server demands.
const password = `Aa1-${randomBytes(24).toString('hex')}`;
console.log(`::add-mask::${password}`);
const env = { ...process.env, MSSQL_SA_PASSWORD: password };
const docker = (...words) => execFileSync('docker', words, { encoding: 'utf8', env });
docker(
  ...['run', '--detach', '--name', container, '--publish', '127.0.0.1:1433:1433'],
  ...['--env', 'ACCEPT_EULA=Y', '--env', 'MSSQL_SA_PASSWORD'],
  `mcr.microsoft.com/mssql/server:${version}-latest`,
);

const connectionString = `Server=127.0.0.1,1433;User Id=sa;Password=${password};Encrypt=true;TrustServerCertificate=true`;
const end = Date.now() + deadlineMs;
for (;;) {
  try {
    const pool = await new mssql.ConnectionPool(connectionString).connect();
    const { recordset } = await pool.request().query('SELECT @@VERSION AS Version');
    await pool.close();
    console.log(recordset[0].Version);
    break;
  } catch (error) {
    const isRunning = docker('inspect', '--format', '{{.State.Running}}', container).trim() === 'true';
    if (!isRunning || Date.now() > end) {
      console.error(docker('logs', '--tail', '50', container));
      throw error;
    }
    await delay(1_000);
  }
}
appendFileSync(GITHUB_ENV, `MULTI_OUTBOX_TEST_SQLSERVER=${connectionString}\n`);
