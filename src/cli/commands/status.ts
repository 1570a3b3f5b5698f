import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { duration } from '../../duration-text.ts';
import { tenantStatuses } from '../../engine/tenant-status.ts';
import { isMultiOutboxError } from '../../errors.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import { unlessAborted } from '../../unless-aborted.ts';
import { durationArgument, listArgument, wholeNumber } from '../arguments.ts';
import { errorReport, reportError, UsageError } from '../errors.ts';
import { addFailOn, type FailOnOptions, failOn } from '../fail-on.ts';
import { defaultExamined, findTenants, type TenantQuery } from '../find-tenants.ts';
import { jsonLine } from '../output/json.ts';
import { startScreen } from '../output/screen.ts';
import { type Status, statusText } from '../output/status.ts';
import { time } from '../output/text.ts';
import type { Runner } from '../runner.ts';
import type { Session } from '../session.ts';
import { watchForStop } from '../signals.ts';

type Options = TenantQuery & FailOnOptions & { readonly watch?: number | true };

export function statusCommand(program: Command, run: Runner): void {
  const command = program
    .command('status')
    .description(
      'show the fleet from the last reports in the registry, the tenants with troubles first, without opening a tenant database',
    )
    .option('--tenant <id>', 'show only this tenant; repeatable', listArgument)
    .addOption(
      new Option('--status <status>', 'show only tenants with this status').choices([...tenantStatuses]),
    )
    .option('--failing', 'show only tenants whose last run failed, or that have topics that fail now')
    .option('--backlog', 'show only tenants whose last run left due messages')
    .option('--parked', 'show only tenants with messages that have no handler')
    .option('--dead', 'show only tenants with Dead messages')
    .option('--limit <number>', 'show at most this many tenants', wholeNumber(1, 1_000_000), 50)
    .option(
      '--examine <number>',
      'read at most this many tenants of the registry, by id, to find those to show',
      wholeNumber(1, 1_000_000_000),
      defaultExamined,
    )
    .option('--all', 'read and show every tenant, without a limit');
  command.option(
    '--watch [duration]',
    'show it again and again, every 2s unless told otherwise, until SIGINT or SIGTERM; on a terminal, or with --json a line each time',
    durationArgument,
  );
  addFailOn(command).action((options: Options, command: Command) =>
    run(command, async (session) => {
      const { watch } = options;
      const everyMs = watch === true ? defaultWatchMs : watch;
      if (everyMs !== undefined) {
        checkWatch(session, options, everyMs);
        const multiOutbox = await session.open();
        await watched(session, everyMs, () => read(multiOutbox, options));
        return;
      }
      const multiOutbox = await session.open();
      const status = await read(multiOutbox, options);
      await session.show(statusValue(status), () => statusText(status, session.terminal));
      failOn(options, status.fleet, options.tenant === undefined ? undefined : status.tenants);
    }),
  );
}

async function read(multiOutbox: MultiOutbox, options: Options): Promise<Status> {
  const fleet = await multiOutbox.status();
  return { fleet, ...(await findTenants(multiOutbox, options)) };
}

/** What --json prints. */
function statusValue({ fleet, tenants, matching, examined, complete }: Status) {
  return { fleet, tenants, more: matching > tenants.length, examined, complete };
}

const defaultWatchMs = 2_000;
const leastWatchMs = 100;

function checkWatch({ options: { json } }: Session, { failOn: wanted }: Options, everyMs: number): void {
  if (!json && process.stdout.isTTY !== true)
    throw new UsageError('--watch needs a terminal; add --json for one line of JSON each time.');
  if (wanted !== undefined) throw new UsageError('Give either --watch or --fail-on, not both.');
  if (everyMs < leastWatchMs) throw new UsageError(`Give --watch ${leastWatchMs}ms or more.`);
}

/** Ends with exit code 0 at a signal. An error, such as a registry that is away, is shown, and the next read is tried. */
async function watched(session: Session, everyMs: number, readStatus: () => Promise<Status>): Promise<void> {
  const { json } = session.options;
  const stop = watchForStop();
  const screen = json ? null : startScreen(process.stdout);
  let isFirst = true;
  try {
    while (!stop.signal.aborted) {
      try {
        // A read may take long, and a signal ends the screen at once.
        const status = await unlessAborted(readStatus, stop.signal);
        if (screen === null) process.stdout.write(jsonLine(statusValue(status)));
        else
          screen.show(
            await statusText(status, session.terminal),
            `${time(new Date())}, every ${duration(everyMs)}`,
          );
      } catch (error) {
        if (stop.signal.aborted) break;
        if (isFirst || !(isMultiOutboxError(error) && error.transient)) throw error;
        const { message } = errorReport(error);
        if (screen === null) reportError(error, session.options);
        else screen.show(message, `${time(new Date())}, every ${duration(everyMs)}`);
      }
      isFirst = false;
      await delay(everyMs, undefined, { signal: stop.signal }).catch(() => {});
    }
  } finally {
    screen?.end();
    stop.dispose();
  }
}
