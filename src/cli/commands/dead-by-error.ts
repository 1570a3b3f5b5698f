import type { ErrorGroups } from '../../fleet/messages/errors.ts';
import type { MessageSelection } from '../../fleet/messages/selection.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import { throwFailures } from '../failures.ts';
import { startProgress } from '../output/progress.ts';
import { table } from '../output/table.ts';
import { age, counted, shorten } from '../output/text.ts';
import type { Session } from '../session.ts';

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
  const progress =
    rest.tenants.length > 1 ? await startProgress('Reading', 'tenants', session.options) : null;
  const found = await messages.errors({
    ...rest,
    onTenant: (done, of) => progress?.update(done, of),
  });
  progress?.stop();
  const shown = { ...found, groups: found.groups.slice(0, limit) };
  await session.show({ ...shown, moreGroups: found.groups.length - shown.groups.length }, () =>
    groupsText(shown, found.groups.length, session),
  );
  throwFailures(found.failures);
}

async function groupsText(
  { groups, count, tenants, cut }: ErrorGroups,
  all: number,
  session: Session,
): Promise<string> {
  if (groups.length === 0 && cut.length === 0) return 'No Dead message matches.';
  const drawn = await table(
    groups,
    [
      { title: 'Error', cell: ({ fingerprint }) => fingerprint },
      { title: 'Count', cell: (group) => group.count, align: 'right' },
      { title: 'Tenants', cell: (group) => group.tenants, align: 'right' },
      { title: 'First', cell: ({ firstUtc }) => age(new Date(firstUtc)), align: 'right' },
      { title: 'Last', cell: ({ lastUtc }) => age(new Date(lastUtc)), align: 'right' },
      { title: 'Text', cell: ({ text }) => shorten(text, 100) },
      { title: 'In', cell: ({ tenantIds }) => shorten(tenantIds.join(', '), 40) },
    ],
    session.colors,
  );
  const lines = [
    ...(groups.length === 0 ? [] : [drawn, '']),
    `${counted(count, 'Dead message')} of ${counted(tenants, 'tenant')} in ${counted(all, 'group')}.`,
  ];
  if (all > groups.length)
    lines.push(`Only the first ${groups.length} groups are shown; raise --limit to see more.`);
  for (const [by, option] of [
    ['examined', '--examine'],
    ['time', '--timeout'],
  ]) {
    const tenantIds = cut.filter((each) => each.by === by).map(({ tenantId }) => tenantId);
    if (tenantIds.length > 0)
      lines.push(
        `Only a part was examined of ${shorten(tenantIds.join(', '), 100)}; raise ${option} to examine more of each tenant.`,
      );
  }
  return lines.join('\n');
}
