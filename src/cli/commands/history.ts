import type { Command } from 'commander';
import { duration } from '../../duration-text.ts';
import type { History, HistoryPoint } from '../../fleet/operations/history.ts';
import { durationArgument } from '../arguments.ts';
import { type Column, table } from '../output/table.ts';
import { time } from '../output/text.ts';
import type { Runner } from '../runner.ts';
import type { Session } from '../session.ts';

interface Options {
  tenant?: string;
  since?: number;
  every?: number;
}

const minute = 60_000;
const hour = 60 * minute;
/** The steps of a table that nobody has chosen; the shortest that gives no more than these rows. */
const steps = [minute, 5 * minute, 15 * minute, hour, 3 * hour, 6 * hour, 24 * hour];
const mostRows = 60;

export function historyCommand(program: Command, run: Runner): void {
  program
    .command('history')
    .description(
      "show what the fleet or a tenant did, from the registry's history: the fleet by minute for 7 days, a tenant by hour for 14 days",
    )
    .option('--tenant <id>', 'show this tenant, not the fleet')
    .option(
      '--since <duration>',
      'how far back (default: 1h for the fleet, 1d for a tenant)',
      durationArgument,
    )
    .option('--every <duration>', 'the time that one row covers (default: at most 60 rows)', durationArgument)
    .action((options: Options, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const { tenant, since = tenant === undefined ? hour : 24 * hour } = options;
        const step = options.every ?? steps.find((each) => since / each <= mostRows) ?? steps.at(-1)!;
        const history = await multiOutbox.history({ ...(tenant !== undefined && { tenant }), since, step });
        await session.show(history, () => historyText(history, session));
      }),
    );
}

async function historyText(history: History, session: Session): Promise<string> {
  const { tenant, sinceMs, points } = history;
  if (points.length === 0) {
    const off = session.settings.telemetry.history
      ? ''
      : ' MULTI_OUTBOX_HISTORY is false here, so this host writes none.';
    return `The history has nothing ${tenant === null ? 'of the fleet' : `of '${tenant}'`} for the last ${duration(sinceMs)}.${off}`;
  }
  return table(points, columns(tenant === null), session.terminal);
}

function columns(isFleet: boolean): Column<HistoryPoint>[] {
  const count = (title: string, cell: (point: HistoryPoint) => number | undefined): Column<HistoryPoint> => ({
    title,
    align: 'right',
    cell,
  });
  const ms = (
    title: string,
    of: (point: HistoryPoint) => number | null,
    spare?: number,
  ): Column<HistoryPoint> => ({
    title,
    ...(spare !== undefined && { spare }),
    align: 'right',
    cell: (point) => {
      const value = of(point);
      return value === null ? '' : duration(value);
    },
  });
  return [
    // UTC, because the hours of the history are.
    { title: 'From', cell: ({ utc }) => `${time(utc).slice(0, 16)}Z` },
    count('Runs', ({ runs }) => runs),
    count('Failed', ({ failedRuns }) => failedRuns),
    count('Done', ({ counts }) => counts.done),
    count('Retried', ({ counts }) => counts.retried),
    count('Died', ({ counts }) => counts.dead),
    ms('Wait p50', ({ wait }) => wait.p50Ms, 2),
    ms('Wait p99', ({ wait }) => wait.p99Ms),
    ...(isFleet ? [] : [ms('Wait max', ({ wait }) => wait.maxMs, 4)]),
    ms('Handler p50', ({ handle }) => handle.p50Ms, 3),
    ms('Handler p99', ({ handle }) => handle.p99Ms, 1),
    ...(isFleet
      ? [
          count('Due', ({ state }) => state?.due),
          count('Failing', ({ state }) => state?.failing),
          count('Dead', ({ state }) => state?.dead),
        ]
      : [ms('Handler max', ({ handle }: HistoryPoint) => handle.maxMs, 5)]),
  ];
}
