import type { ErrorGroup, ErrorGroups } from '../../fleet/messages/errors.ts';
import type { MessageSelection } from '../../fleet/messages/selection.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import { noTenants, throwFailures, whereRead } from '../failures.ts';
import { startProgress } from '../output/progress.ts';
import { table } from '../output/table.ts';
import { age, counted, number } from '../output/text.ts';
import type { Session } from '../session.ts';

/** The largest --limit of the command. */
export const mostShown = 1_000;

/** Shows the errors of Dead messages, grouped over the tenants. */
export async function showByError(
  session: Session,
  { messages }: MultiOutbox,
  request: {
    readonly tenants: readonly string[];
    readonly queue: 'outbox' | 'inbox';
    readonly filter: MessageSelection;
    readonly limit: number;
    readonly examine?: number;
    readonly timeoutMs?: number;
  },
): Promise<void> {
  const { limit, ...rest } = request;
  const progress = await startProgress('Reading', 'tenants', session.options);
  progress.update(0, rest.tenants.length);
  const found = await messages
    .errors({ ...rest, onTenant: (done, of) => progress.update(done, of) })
    .finally(() => progress.stop());
  const shown = { ...found, groups: found.groups.slice(0, limit) };
  await session.show({ ...shown, moreGroups: found.groups.length - shown.groups.length }, () =>
    groupsText(shown, found.groups.length, rest.tenants.length, session),
  );
  throwFailures(found.failures);
}

async function groupsText(
  { groups, count, cut, failures }: ErrorGroups,
  all: number,
  tenants: number,
  session: Session,
): Promise<string> {
  if (tenants === 0) return noTenants;
  const failed = failures.length;
  if (failed === tenants) return '';
  const where = whereRead({ selected: tenants, read: tenants - failed, failed });
  if (groups.length === 0 && cut.length === 0) return `No Dead message matches${where}.`;
  const drawn = await table(
    groups,
    [
      { title: 'Error', cell: ({ fingerprint }) => fingerprint },
      { title: 'Count', cell: (group) => group.count, align: 'right' },
      { title: 'Tenants', cell: (group) => group.tenants, align: 'right' },
      { title: 'First', cell: ({ firstUtc }) => age(new Date(firstUtc)), align: 'right' },
      { title: 'Last', cell: ({ lastUtc }) => age(new Date(lastUtc)), align: 'right' },
      { title: 'Text', cell: ({ text }) => text, text: true },
      { title: 'In', cell: tenantsText, text: true },
    ],
    session.terminal,
  );
  const lines = [
    ...(groups.length === 0 ? [] : [drawn, '']),
    `${counted(count, 'Dead message')} in ${counted(all, 'group')}${where === '' ? '' : `,${where}`}.`,
  ];
  if (all > groups.length)
    lines.push(
      `Only the first ${number(groups.length)} groups are shown${groups.length < mostShown ? '; raise --limit to see more' : ''}.`,
    );
  for (const [by, option] of [
    ['examined', '--examine'],
    ['time', '--timeout'],
  ]) {
    const tenantIds = cut.filter((each) => each.by === by).map(({ tenantId }) => tenantId);
    if (tenantIds.length > 0)
      lines.push(
        `Only a part was examined of ${tenantIds.join(', ')}; raise ${option} to examine more of each tenant.`,
      );
  }
  return lines.join('\n');
}

function tenantsText({ tenants, tenantIds }: ErrorGroup): string {
  const others = tenants - tenantIds.length;
  return `${tenantIds.join(', ')}${others > 0 ? ` and ${counted(others, 'other')}` : ''}`;
}
