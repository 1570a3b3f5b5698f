import type { Command } from 'commander';
import { duration, exactDuration } from '../../duration-text.ts';
import type { TenantRecord } from '../../engine/registry.ts';
import { facts } from '../output/table.ts';
import {
  countsText,
  dueText,
  failingTopicsText,
  lastErrorText,
  longestWaitText,
  queueStateText,
  streakText,
  unreportedText,
} from '../output/tenant.ts';
import { age, pairs, time } from '../output/text.ts';
import type { Runner } from '../runner.ts';

export function tenantsShowCommand(tenants: Command, run: Runner): void {
  tenants
    .command('show')
    .description('show one tenant: its definition and its schedule')
    .argument('<tenant>', 'id of the tenant')
    .action((id: string, _options: object, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const tenant = await multiOutbox.tenants.get(id);
        await session.show({ tenant }, () => facts(entries(tenant), session.terminal));
      }),
    );
}

/** A directory cannot resume a tenant that an operator has paused, so the text says who did. */
function statusText({ status, pausedByOperator }: TenantRecord): string {
  return status === 'paused' && pausedByOperator ? 'paused by an operator' : status;
}

function entries(tenant: TenantRecord): [string, string | number | null | undefined][] {
  const { schedule, overrides, auth, unreadable } = tenant;
  const { idleCeilingMs } = overrides;
  return [
    ['Tenant', tenant.id],
    ['Status', statusText(tenant)],
    ['Server', tenant.server],
    ['Database', tenant.database],
    ['Login', auth.kind === 'setting' ? `connection string in app setting ${auth.name}` : null],
    ['Schema', tenant.schema],
    ['Schema version', tenant.schemaVersion],
    ['Priority', tenant.priority],
    ['Weight', tenant.weight],
    ['SLA', tenant.slaSeconds === null ? null : exactDuration(tenant.slaSeconds * 1_000)],
    ['Tags', pairs(tenant.tags)],
    ['Batch size', overrides.batchSize],
    ['Concurrency', overrides.concurrency],
    ['Idle ceiling', typeof idleCeilingMs === 'number' ? exactDuration(idleCeilingMs) : idleCeilingMs],
    ['Added', time(tenant.addedUtc)],
    ['Due', dueText(tenant)],
    [
      'Last run',
      schedule.lastRunUtc === null
        ? 'never'
        : `${age(schedule.lastRunUtc)} ago: ${schedule.lastOutcome} in ${duration(schedule.lastDurationMs ?? 0)}`,
    ],
    ['Last planned', unreportedText(tenant)],
    ['Last counts', schedule.lastCounts && countsText(schedule.lastCounts)],
    ['Totals', countsText(schedule.totals)],
    ['Longest wait', longestWaitText(schedule)],
    ['Backlog', schedule.backlog ? 'yes' : null],
    ['Outbox', queueStateText(schedule.queues.outbox)],
    ['Inbox', queueStateText(schedule.queues.inbox)],
    ['Streak', streakText(schedule)],
    ['Parked topics', schedule.parkedTopics.join(', ')],
    ['Failing topics', failingTopicsText(schedule)],
    ['Last error', lastErrorText(schedule)],
    ['Cannot be read', unreadable && [...unreadable.definition, ...unreadable.schedule].join(', ')],
  ];
}
