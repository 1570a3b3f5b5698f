import { type Command, Option } from 'commander';
import type { FleetSummary } from '../../engine/fleet-summary.ts';
import type { TenantRecord } from '../../engine/registry.ts';
import { type TenantStatus, tenantStatuses } from '../../engine/tenant-status.ts';
import { deadNow } from '../../health/troubles.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import { listArgument, wholeNumber } from '../arguments.ts';
import { addFailOn, type FailOnOptions, failOn } from '../fail-on.ts';
import { paintOutcome } from '../output/run.ts';
import { table } from '../output/table.ts';
import {
  countsText,
  dueText,
  failingTopicsText,
  fleetStoredText,
  lastErrorText,
  storedText,
  streakText,
} from '../output/tenant.ts';
import { age, shorten } from '../output/text.ts';
import type { Runner } from '../runner.ts';
import type { Session } from '../session.ts';

interface StatusOptions {
  tenant?: string[];
  status?: TenantStatus;
  failing?: true;
  backlog?: true;
  parked?: true;
  dead?: true;
  limit: number;
  all?: true;
}

type Options = StatusOptions & FailOnOptions;

export function statusCommand(program: Command, run: Runner): void {
  const command = program
    .command('status')
    .description('show the fleet from the last reports in the registry, without opening a tenant database')
    .option('--tenant <id>', 'show only this tenant; repeatable', listArgument)
    .addOption(
      new Option('--status <status>', 'show only tenants with this status').choices([...tenantStatuses]),
    )
    .option('--failing', 'show only tenants whose last run failed, or that have topics that fail now')
    .option('--backlog', 'show only tenants whose last run left due messages')
    .option('--parked', 'show only tenants with messages that have no handler')
    .option('--dead', 'show only tenants with Dead messages')
    .option('--limit <number>', 'show at most this many tenants', wholeNumber(1, 1_000_000), 50)
    .option('--all', 'show every tenant, without a limit');
  addFailOn(command).action((options: Options, command: Command) =>
    run(command, async (session) => {
      const multiOutbox = await session.open();
      const fleet = await multiOutbox.status();
      const { tenants, more } = await findTenants(multiOutbox, options);
      await session.show({ fleet, tenants, more }, async () => {
        const summary = summaryText(fleet);
        if (fleet.tenants.active + fleet.tenants.paused + fleet.tenants.retired === 0) {
          return "There are no tenants yet; add one with 'multi-outbox tenants add ID'.";
        }
        if (tenants.length === 0) return `No tenant matches the options.\n\n${summary}`;
        const rest = more ? `\nOnly the first ${tenants.length} are shown; --all shows every tenant.` : '';
        return `${await statusTable(tenants, session)}\n\n${summary}${rest}`;
      });
      failOn(options, fleet, options.tenant === undefined ? undefined : tenants);
    }),
  );
}

const pageSize = 500;

/** Reads the registry in pages, so that memory does not grow with the fleet when a filter is set. */
async function findTenants(
  multiOutbox: MultiOutbox,
  options: StatusOptions,
): Promise<{ tenants: TenantRecord[]; more: boolean }> {
  const { status, failing, backlog, parked, dead } = options;
  const matches = ({ schedule, ...tenant }: TenantRecord) =>
    (status === undefined || tenant.status === status) &&
    (!failing || schedule.failureStreak > 0 || schedule.failingTopics.length > 0) &&
    (!backlog || schedule.backlog) &&
    (!parked || schedule.parkedTopics.length > 0) &&
    (!dead || deadNow({ schedule }) > 0);
  if (options.tenant !== undefined) {
    const named = await Promise.all(options.tenant.map((id) => multiOutbox.tenants.get(id)));
    return { tenants: named.filter(matches), more: false };
  }
  const limit = options.all ? Number.POSITIVE_INFINITY : options.limit;
  const tenants: TenantRecord[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await multiOutbox.tenants.list({
      limit: pageSize,
      ...(status !== undefined && { status }),
      ...(after !== undefined && { after }),
    });
    tenants.push(...page.filter(matches));
    if (tenants.length > limit) return { tenants: tenants.slice(0, limit), more: true };
    if (page.length < pageSize) return { tenants, more: false };
    after = page.at(-1)!.id;
  }
}

function statusTable(tenants: readonly TenantRecord[], { colors }: Session): Promise<string> {
  const total = (title: string, name: keyof FleetSummary['totals']) => ({
    title,
    cell: ({ schedule }: TenantRecord) => schedule.totals[name],
    align: 'right' as const,
  });
  return table(
    tenants,
    [
      { title: 'Tenant', cell: ({ id }) => id },
      {
        title: 'Status',
        cell: ({ status }) => status,
        paint: (text, { status }) => (status === 'active' ? text : colors.yellow(text)),
      },
      { title: 'Due', cell: (tenant) => dueText(tenant) },
      {
        title: 'Last run',
        cell: ({ schedule }) =>
          schedule.lastRunUtc === null ? 'never' : `${schedule.lastOutcome}, ${age(schedule.lastRunUtc)} ago`,
        paint: (text, { schedule }) =>
          schedule.lastOutcome === null ? text : paintOutcome(text, schedule.lastOutcome, colors),
      },
      { title: 'Backlog', cell: ({ schedule }) => (schedule.backlog ? 'yes' : '') },
      { title: 'Streak', cell: ({ schedule }) => streakText(schedule) },
      total('Done', 'done'),
      total('Retried', 'retried'),
      { title: 'Dead', cell: ({ schedule }) => storedText(schedule, 'dead'), align: 'right' },
      { title: 'Parked', cell: ({ schedule }) => storedText(schedule, 'parked'), align: 'right' },
      total('Lost', 'lost'),
      {
        title: 'Trouble',
        cell: ({ schedule }) =>
          [
            schedule.parkedTopics.length === 0
              ? ''
              : `no handler for ${shorten(schedule.parkedTopics.join(', '), 60)}`,
            failingTopicsText(schedule),
            lastErrorText(schedule, 60),
          ]
            .filter(Boolean)
            .join('; '),
      },
    ],
    colors,
  );
}

function summaryText(fleet: FleetSummary): string {
  const { tenants, due, withBacklog, failing, withFailingTopics, stored, withDead } = fleet;
  const { lastPlan, totals, poisoned } = fleet;
  const plan = lastPlan === null ? 'never planned' : `last plan ${age(lastPlan.utc)} ago`;
  return (
    `${tenants.active} active, ${tenants.paused} paused, ${tenants.retired} retired; ` +
    `${due} due, ${withBacklog} with backlog, ${failing} failing, ${withFailingTopics} with topics that fail, ${withDead} with dead messages; ${plan}. Queues: ${fleetStoredText(stored)}. Messages: ${countsText(totals)}.` +
    (poisoned.lastUtc === null
      ? ''
      : ` Queue messages given up: ${poisoned.total}, the last one ${age(poisoned.lastUtc)} ago.`)
  );
}
