/** The text of `status`: a row for each tenant, and below it the fleet. */

import { duration } from '../../duration-text.ts';
import type { FleetSummary } from '../../engine/fleet-summary.ts';
import type { TenantRecord } from '../../engine/registry.ts';
import { defaultStaleAfterMs } from '../../health/troubles.ts';
import { noTenants } from '../failures.ts';
import type { FoundTenants } from '../find-tenants.ts';
import { paintOutcome } from './run.ts';
import { facts, table } from './table.ts';
import {
  countsText,
  dueText,
  failingTopicsText,
  fleetStoredText,
  lastErrorText,
  lastRunText,
  longestWaitText,
  storedText,
  streakText,
} from './tenant.ts';
import type { Terminal } from './terminal.ts';
import { age, counted, number } from './text.ts';

export interface Status extends FoundTenants {
  readonly fleet: FleetSummary;
}

export async function statusText(
  { fleet, tenants, matching, examined, complete }: Status,
  terminal: Terminal,
): Promise<string> {
  const { active, paused, retired } = fleet.tenants;
  if (active + paused + retired === 0) return noTenants;
  const summary = await summaryText(fleet, terminal);
  const parts = [
    tenants.length === 0 ? 'No tenant matches the options.' : await statusTable(tenants, terminal),
    '',
    summary,
  ];
  if (matching > tenants.length)
    parts.push(
      `Only the first ${number(tenants.length)} of ${number(matching)} are shown; --all shows every tenant.`,
    );
  if (!complete)
    parts.push(
      `Only the first ${counted(examined, 'tenant')} by id ${examined === 1 ? 'was' : 'were'} read for the list, so worse ones may be missing; raise --examine, or name tenants with --tenant. The sums are of the whole fleet.`,
    );
  return parts.join('\n');
}

function statusTable(tenants: readonly TenantRecord[], terminal: Terminal): Promise<string> {
  const { colors } = terminal;
  const total = (title: string, name: keyof FleetSummary['totals'], spare: number) => ({
    title,
    cell: ({ schedule }: TenantRecord) => schedule.totals[name],
    align: 'right' as const,
    spare,
  });
  const stored = (title: string, name: 'dead' | 'parked', paint: (text: string) => string) => ({
    title,
    cell: ({ schedule }: TenantRecord) => storedText(schedule, name),
    paint: (text: string) => (text === '0' ? text : paint(text)),
    align: 'right' as const,
  });
  return table(
    tenants,
    [
      { title: 'Tenant', cell: ({ id }) => id, breaks: true },
      {
        title: 'Status',
        cell: ({ status }) => status,
        paint: (text, { status }) => (status === 'active' ? text : colors.yellow(text)),
      },
      { title: 'Due', cell: (tenant) => dueText(tenant) },
      {
        title: 'Last run',
        cell: (tenant) => lastRunText(tenant),
        paint: (text, { schedule }) =>
          schedule.lastOutcome === null ? text : paintOutcome(text, schedule.lastOutcome, colors),
      },
      { title: 'Backlog', cell: ({ schedule }) => (schedule.backlog ? 'yes' : ''), spare: 1 },
      { title: 'Streak', cell: ({ schedule }) => streakText(schedule), spare: 3 },
      {
        title: 'Longest wait',
        cell: ({ schedule }) => longestWaitText(schedule),
        spare: 6,
      },
      total('Done', 'done', 2),
      total('Retried', 'retried', 4),
      stored('Dead', 'dead', colors.red),
      stored('Parked', 'parked', colors.yellow),
      total('Lost', 'lost', 5),
      { title: 'Trouble', cell: troubleText, text: true },
    ],
    terminal,
  );
}

function troubleText({ schedule }: TenantRecord): string {
  const { parkedTopics } = schedule;
  return [
    parkedTopics.length === 0 ? '' : `no handler for ${parkedTopics.join(', ')}`,
    failingTopicsText(schedule),
    lastErrorText(schedule),
  ]
    .filter(Boolean)
    .join('; ');
}

function summaryText(fleet: FleetSummary, terminal: Terminal): Promise<string> {
  const { tenants, due, withBacklog, failing, withFailingTopics, stored, withDead } = fleet;
  const { lastPlan, totals, poisoned, longestWaitMs, longestWaitAgeMs } = fleet;
  const { colors } = terminal;
  const troubles = [
    [failing, 'failing'],
    [withFailingTopics, 'with topics that fail'],
    [withDead, 'with dead messages'],
    [withBacklog, 'with backlog'],
  ] as const;
  const isOld = tenants.active > 0 && (lastPlan === null || lastPlan.ageMs > defaultStaleAfterMs);
  const found = [
    ...troubles.flatMap(([count, what]) => (count > 0 ? [`${number(count)} ${what}`] : [])),
    ...(stored.parked > 0
      ? [
          `${counted(stored.parked, 'message')}${stored.atLeast.includes('parked') ? ' or more' : ''} without a handler`,
        ]
      : []),
    ...(isOld && lastPlan !== null ? [`no plan for ${duration(lastPlan.ageMs)}`] : []),
  ];
  return facts(
    [
      [
        'Tenants',
        `${number(tenants.active)} active, ${number(tenants.paused)} paused, ${number(tenants.retired)} retired; ${number(due)} due`,
      ],
      [
        'Trouble',
        found.length === 0 ? 'none, by the last reports' : found.join(', '),
        found.length === 0 ? colors.green : colors.red,
      ],
      ['Queues', fleetStoredText(stored)],
      [
        'Longest wait',
        longestWaitMs === null || longestWaitAgeMs === null
          ? null
          : `${duration(longestWaitMs)}, reported ${duration(longestWaitAgeMs)} ago`,
      ],
      ['Messages', countsText(totals)],
      [
        'Given up',
        poisoned.lastUtc === null
          ? null
          : `${number(poisoned.total)} queue messages, the last one ${age(poisoned.lastUtc)} ago`,
        colors.red,
      ],
      [
        'Last plan',
        lastPlan === null ? 'never' : `${age(lastPlan.utc)} ago`,
        isOld ? colors.yellow : undefined,
      ],
    ],
    terminal,
  );
}
