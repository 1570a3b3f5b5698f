/**
 * Measures a cold start of the function app, from the start of the process to the first handler, or to the first
 * procedure call on its way to a SQL Server. It compares the app with an app that has only an empty timer function,
 * under the same worker and bundler.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { atMost, type Benchmark } from './benchmark.ts';
import { listenForTds } from './cold-start/tds-listener.ts';
import { makeTenants, openFleet } from './fleet.ts';
import type { Place } from './place.ts';
import { ratio, spread } from './spread.ts';
import { type Cost, interleave } from './timing.ts';

const scripts = path.join(import.meta.dirname, 'cold-start');
const message = { topic: 'email.send', payload: { to: 'ann@example.com', subject: 'Hello', text: 'Hello' } };
const sqlCase = 'timer, first SQL Server call';

export const coldStart: Benchmark = {
  name: 'cold-start',
  title: 'from process start to the first handler called, against an empty timer function',
  async run({ places, quick, repetitions, progress }) {
    const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-cold-start-'));
    try {
      progress('bundling');
      execFileSync(process.execPath, [path.join(scripts, 'bundle.mjs'), folder]);
      const place = await places.open('cold-start');
      // There are more starts than repetitions, because the time of a process start varies most.
      const starts = quick ? 1 : repetitions * 4;
      progress(`${starts} starts of each`);
      let tenants = 0;
      const ours = (what: 'plan' | 'dispatch') => async () => {
        const tenantId = `tenant-${++tenants}`;
        await dueTenant(place, tenantId);
        return coldStartOf(path.join(folder, 'app'), what, place.registry, tenantId);
      };
      await using listener = await listenForTds();
      const sqlServer = `mssql:Server=127.0.0.1,${listener.port};Database=registry;User Id=bench;Password=bench;Encrypt=false`;
      const costs = await interleave(starts, {
        empty: () => coldStartOf(path.join(folder, 'empty'), 'timer', place.registry),
        plan: ours('plan'),
        dispatch: ours('dispatch'),
        sql: () => coldStartOf(path.join(folder, 'app'), 'sql', sqlServer),
      });
      await place.remove();
      const figures = (name: 'plan' | 'dispatch' | 'sql') => ({
        timesEmpty: ratio(costs[name].ms, costs.empty.ms),
        cpuTimesEmpty: ratio(costs[name].cpuMs, costs.empty.cpuMs),
        ms: spread(costs[name].ms),
        emptyMs: spread(costs.empty.ms),
      });
      const measurements = [
        { case: 'timer, plan, request, run, handler', counts: { starts }, figures: figures('plan') },
        { case: 'request, run, handler', counts: { starts }, figures: figures('dispatch') },
        { case: sqlCase, counts: { starts }, figures: figures('sql') },
      ];
      const mainBytes = (app: string) => statSync(path.join(folder, app, 'dist/main.js')).size;
      return {
        measurements,
        targets: measurements.map((one) =>
          atMost(
            `${one.case}: times an empty timer's first invocation`,
            one.figures.timesEmpty.median,
            one.case === sqlCase ? 4 : 2.5,
          ),
        ),
        notes: [
          `At its start the app reads ${mainBytes('app').toLocaleString('en')} bytes, the empty app ${mainBytes('empty').toLocaleString('en')}.`,
          'The figures include the work of the embedded databases: opening two files, planning, taking the lease, claiming. For a SQL Server they include only the login, with a password, to a listener that answers at once.',
        ],
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** A tenant that was never dispatched: it has a schema and one message, and is due now. */
async function dueTenant(place: Place, tenantId: string): Promise<void> {
  await makeTenants(place, [tenantId]);
  await using fleet = openFleet(place);
  await fleet.outbox(tenantId).enqueue(message);
}

async function coldStartOf(
  folder: string,
  what: 'timer' | 'plan' | 'dispatch' | 'sql',
  registry: string,
  tenantId = '',
): Promise<Cost> {
  const words = [path.join(scripts, 'instance.mjs'), folder, what, JSON.stringify({ tenantId })];
  const { stdout } = await promisify(execFile)(process.execPath, words, {
    env: {
      ...process.env,
      // The host's settings are those of host.json in this folder.
      AzureWebJobsScriptRoot: path.join(import.meta.dirname, '..'),
      MULTI_OUTBOX_REGISTRY: registry,
      MULTI_OUTBOX_MAIL_FOLDER: folder,
    },
    timeout: 60_000,
  });
  return JSON.parse(stdout.slice(stdout.lastIndexOf('{')));
}
