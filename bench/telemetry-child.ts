/** The measured process: plans, dispatches, and exports its telemetry when it ends. bench/telemetry.ts starts it. */
import { createMultiOutbox, exportTelemetry, type Logger, type TelemetryExport } from '../src/index.ts';
import { noop } from './fleet.ts';

export interface TelemetryJob {
  readonly registry: string;
  readonly plans: number;
  /** Each of these tenants is dispatched once, as if a plan had requested it. */
  readonly tenantIds: readonly string[];
}

export interface TelemetryOutput {
  /** Messages that were dispatched. */
  readonly done: number;
  /** Log lines of the levels that the function app's host exports. */
  readonly lines: number;
}

const { registry, plans, tenantIds } = JSON.parse(process.argv[2]!) as TelemetryJob;

let lines = 0;
const line = () => {
  lines++;
};
const counting: Logger = { debug() {}, info: line, warn: line, error: line, child: () => counting };

let done = 0;
let exporting: TelemetryExport | undefined;
{
  // A late plan exports its span. The first one is late, because the last process has ended; no other one is.
  const plan = { intervalMs: 3_600_000 };
  await using fleet = createMultiOutbox({ registry, plan, handlers: [noop], logger: counting });
  await fleet.plan();
  lines = 0;
  exporting = await exportTelemetry('bench');
  for (let made = 0; made < plans; made++) await fleet.plan();
  const plannedUtc = new Date().toISOString();
  for (const tenantId of tenantIds) {
    const streaks = { idleStreak: 1, failureStreak: 0 };
    const { counts } = await fleet.dispatch({ version: 1, tenantId, reason: 'due', plannedUtc, ...streaks });
    done += counts.done;
  }
}
await exporting!.close();
const output: TelemetryOutput = { done, lines };
process.stdout.write(`${JSON.stringify(output)}\n`);
