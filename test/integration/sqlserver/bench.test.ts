/** The benchmarks do the work that they claim to measure, also on a server. Their figures are not checked. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describeOnServer, serverConnectionString, serverVariable } from '../../support/sqlserver.ts';

const root = path.resolve(__dirname, '../../..');
// They are written with `await using`, which Node can read since 24.
const testBench = Number.parseInt(process.versions.node, 10) >= 24 ? test : test.skip;

describeOnServer(`benchmarks on SQL Server (${serverVariable})`, () => {
  testBench(
    'each loop of a drain handles all messages: ours, the raw one and the minimal one',
    async () => {
      const registry = `mssql:${serverConnectionString};Database=multi_outbox_bench`;
      const words = ['bench/main.ts', '--quick', '--json', '--registry', registry, 'drain'];
      const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: root });
      const [{ measurements }] = JSON.parse(stdout).benchmarks;
      expect(measurements.length).toBeGreaterThan(0);
      for (const { figures } of measurements)
        expect(figures).toMatchObject({ perSecond: {}, rawPerSecond: {}, minimalPerSecond: {} });
    },
    300_000,
  );
});
