/**
 * The simulator's workload and faults on a server, in real time (docs/proof.md): as many seeds as the time allows. Needs a
 * server; see test/support/sqlserver.ts.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Summary } from '../../simulation/command.ts';
import { describeOnServer, serverVariable } from '../../support/sqlserver.ts';

const root = path.resolve(__dirname, '../../..');
/** The nightly workflow runs it for five minutes. */
const seconds = 60;

describeOnServer(`the simulator on SQL Server (${serverVariable})`, () => {
  test('histories of fresh seeds lose nothing, invent nothing and come to their end', async () => {
    const words = ['--server', '--seconds', String(seconds), '--json'];
    const child = spawn(process.execPath, ['test/simulation/main.ts', ...words], { cwd: root });
    let output = '';
    let errors = '';
    child.stdout.on('data', (text: Buffer) => {
      output += text;
    });
    child.stderr.on('data', (text: Buffer) => {
      errors += text;
    });
    const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
    if (output === '') throw new Error(errors);
    const { failure, histories } = JSON.parse(output) as Summary;
    expect(failure?.text).toBeUndefined();
    expect(histories).toBeGreaterThan(0);
    expect(code).toBe(0);
  }, 600_000);
});
