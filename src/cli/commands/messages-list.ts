import { type Command, Option } from 'commander';
import type { ListedMessage, MessagePage } from '../../fleet/messages/search.ts';
import type { MessageSelection } from '../../fleet/messages/selection.ts';
import type { MultiOutbox } from '../../multi-outbox.ts';
import { durationArgument, wholeNumber } from '../arguments.ts';
import { UsageError } from '../errors.ts';
import { noTenants, type TenantFailure, throwFailures, whereRead } from '../failures.ts';
import { chosenTenants, forEachTenant } from '../for-each-tenant.ts';
import { addMessageOptions, type MessageOptions, type MessageView, selectionOf } from '../message-filter.ts';
import { table } from '../output/table.ts';
import { age, capital, counted, countedOrMore } from '../output/text.ts';
import type { Runner } from '../runner.ts';
import type { Session } from '../session.ts';
import { mostShown, showByError } from './dead-by-error.ts';

interface ListOptions extends MessageOptions {
  limit: number;
  cursor?: string;
  payload?: string;
  examine?: number;
  timeout?: number;
  by?: 'error';
}

/** The result of a list, as --json prints it. */
interface Listed {
  /** How many match in the selected tenants; null for a list that does not count. */
  readonly count: number | null;
  /** Whether a count ended early, so that as many match, or more. */
  readonly atLeast: boolean;
  readonly messages: ListedMessage[];
  /** The next page's --cursor; null on the last page. */
  readonly cursor: string | null;
  /** Tenants whose search ended at a bound, with the bound. */
  readonly cut: { readonly tenantId: string; readonly by: 'examined' | 'time' }[];
  readonly failures: TenantFailure[];
}

export function messagesListCommand(parent: Command, view: MessageView, run: Runner): void {
  const command = addMessageOptions(
    parent.command('list').description(`list ${view.noun}s, without their payloads`),
    view,
  );
  if (view.state === 'dead')
    command.addOption(
      new Option('--by <what>', 'group the messages over the tenants by their last error').choices(['error']),
    );
  if (view.state === undefined)
    command.option(
      '--payload <text>',
      'only messages of one tenant whose payload contains this text exactly',
    );
  command
    .option('--limit <number>', 'show at most this many messages', wholeNumber(1, mostShown), 50)
    .option('--cursor <cursor>', 'show the page behind this place, which the page before has printed')
    .option(
      '--examine <number>',
      "examine at most this many of a tenant's messages (default: 100000; 10000 for payloads and groups of errors)",
      wholeNumber(1, 1_000_000_000),
    )
    .option(
      '--timeout <duration>',
      "search at most this long in a tenant's queue (default: 10s)",
      durationArgument,
    )
    .action((options: ListOptions, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        if (options.payload !== undefined && (options.all || new Set(options.tenant).size !== 1))
          throw new UsageError('--payload reads every payload that it searches; give one --tenant with it.');
        const tenantIds = await chosenTenants(multiOutbox, options);
        const filter: MessageSelection = {
          ...selectionOf(options, view),
          ...(options.payload !== undefined && { payloadText: options.payload }),
        };
        if (options.by === 'error') {
          const { queue, limit } = options;
          const request = { tenants: tenantIds, queue, filter, limit, ...boundsOf(options) };
          await showByError(session, multiOutbox, request);
          return;
        }
        const listed = await listFleet(session, multiOutbox, tenantIds, filter, options, view);
        const { read: _, ...shown } = listed;
        await session.show(shown, () => listText(listed, view, session, tenantIds.length));
        throwFailures(listed.failures);
      }),
    );
}

function boundsOf({ examine, timeout }: ListOptions) {
  return {
    ...(examine !== undefined && { examine }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
  };
}

async function listFleet(
  session: Session,
  { messages }: MultiOutbox,
  tenantIds: readonly string[],
  filter: MessageSelection,
  options: ListOptions,
  view: MessageView,
): Promise<Listed & { readonly read: number }> {
  const { queue, limit } = options;
  const bounds = boundsOf(options);
  // Dead messages have an index, so their number is known at little cost, and tells which tenants have any.
  const counts =
    view.state === 'dead'
      ? await forEachTenant(tenantIds, 'Counting', session.options, (tenantId) =>
          messages.count({ tenantId, queue, filter, ...bounds }),
        )
      : null;
  const withAny = counts?.results.filter(({ result }) => result.count > 0).map(({ tenantId }) => tenantId);
  const start = startOf(withAny ?? tenantIds, options.cursor);
  const found: ListedMessage[] = [];
  const cut = (counts?.results ?? []).flatMap(({ tenantId, result }) =>
    result.cut === null ? [] : [{ tenantId, by: result.cut }],
  );
  const failures = [...(counts?.failures ?? [])];
  let cursor: string | null = null;
  let listedTenants = 0;
  let failedAfterCount = 0;
  let { rest, within } = start;
  while (cursor === null && rest.length > 0) {
    // One tenant at a time when the page may begin within it; then several, because most have few.
    const group = rest.slice(0, within === undefined ? 8 : 1);
    rest = rest.slice(group.length);
    const pages = await forEachTenant(group, 'Reading', { json: true }, (tenantId) =>
      messages.list({
        tenantId,
        queue,
        filter,
        limit: limit - found.length,
        ...bounds,
        ...(within !== undefined && { cursor: within }),
      }),
    );
    within = undefined;
    failures.push(...pages.failures);
    listedTenants += pages.results.length;
    failedAfterCount += pages.failures.length;
    for (const { tenantId, result } of pages.results) {
      if (cursor !== null) break;
      if (result.cut !== null && !cut.some((each) => each.tenantId === tenantId))
        cut.push({ tenantId, by: result.cut });
      cursor = taken(found, limit, tenantId, result);
      // The page is full, and a later tenant may have more.
      const next = group[group.indexOf(tenantId) + 1] ?? rest[0];
      if (cursor === null && found.length >= limit && next !== undefined) cursor = `${next}@`;
    }
  }
  const count = counts?.results.reduce((sum, { result }) => sum + result.count, 0) ?? null;
  const atLeast = counts?.results.some(({ result }) => result.cut !== null) ?? false;
  const read = counts === null ? listedTenants : counts.results.length - failedAfterCount;
  return { count, atLeast, messages: found, cursor, cut, failures, read };
}

/** Adds a tenant's page to the messages. Returns the cursor that continues within the tenant; null when it has no more. */
function taken(found: ListedMessage[], limit: number, tenantId: string, page: MessagePage): string | null {
  const left = limit - found.length;
  // A page that was read for more places than are left now is read again from its start.
  if (page.messages.length > left) return `${tenantId}@`;
  found.push(...page.messages);
  return page.cursor === null ? null : `${tenantId}@${page.cursor}`;
}

/** The tenants from the cursor's on, and the place within the first. Tenants that are gone since are passed over. */
function startOf(
  tenantIds: readonly string[],
  cursor: string | undefined,
): { rest: readonly string[]; within: string | undefined } {
  if (cursor === undefined) return { rest: tenantIds, within: undefined };
  const at = cursor.indexOf('@');
  if (at < 1)
    throw new UsageError('--cursor is not the cursor of a page; give what the page before has printed.');
  const tenantId = cursor.slice(0, at);
  const rest = tenantIds.includes(tenantId)
    ? tenantIds.slice(tenantIds.indexOf(tenantId))
    : tenantIds.filter((id) => id > tenantId);
  const within = cursor.slice(at + 1);
  return { rest, within: rest[0] === tenantId && within !== '' ? within : undefined };
}

async function listText(
  { read, ...listed }: Listed & { readonly read: number },
  view: MessageView,
  session: Session,
  tenants: number,
): Promise<string> {
  const { messages, count, atLeast, cursor, cut, failures } = listed;
  if (tenants === 0) return noTenants;
  const failed = failures.length;
  if (failed === tenants) return '';
  const where = whereRead({ selected: tenants, read, failed });
  const lines: string[] = [];
  if (messages.length > 0) lines.push(await messageTable(messages, view, session), '');
  if (messages.length === 0 && cut.length === 0) lines.push(`No ${view.noun} matches${where}.`);
  else if (count !== null) lines.push(capital(`${countedOrMore(count, atLeast, view.noun)}${where}.`));
  else if (messages.length > 0) lines.push(`${counted(messages.length, view.noun)} shown${where}.`);
  const orGoOn = cursor === null ? '' : ', or go on with --cursor';
  for (const { tenantId, by } of cut)
    lines.push(
      by === 'time'
        ? `The search in ${tenantId} was cut when its time was up; raise --timeout${orGoOn}.`
        : `The search in ${tenantId} was cut at the bound of examined messages; raise --examine${orGoOn}.`,
    );
  if (cursor !== null) lines.push(`More: --cursor ${cursor}`);
  return lines.join('\n');
}

function messageTable(messages: ListedMessage[], view: MessageView, session: Session): Promise<string> {
  const time = (text: string | null) => age(text === null ? null : new Date(text));
  const isDead = view.state === 'dead';
  return table(
    messages,
    [
      { title: 'Tenant', cell: ({ tenantId }) => tenantId, breaks: true },
      { title: 'Message', cell: ({ messageId }) => messageId },
      ...(isDead ? [] : [{ title: 'State', cell: stateText }]),
      { title: 'Topic', cell: ({ topic }) => topic, breaks: true },
      { title: 'Attempts', cell: ({ attempts }) => attempts, align: 'right' as const, spare: 1 },
      {
        title: 'Replays',
        cell: ({ replayCount }) => replayCount || '',
        align: 'right' as const,
        spare: 2,
      },
      {
        title: 'Age',
        cell: ({ settledUtc, enqueuedUtc }) => time(isDead ? settledUtc : enqueuedUtc),
        align: 'right' as const,
      },
      { title: 'Last error', cell: ({ endReason, lastError }) => endReason ?? lastError, text: true },
      {
        title: 'First error',
        cell: ({ firstError, lastError }) => (firstError === lastError ? '' : firstError),
        text: true,
      },
    ],
    session.terminal,
  );
}

function stateText({ state, blocked }: ListedMessage): string {
  return blocked ? 'blocked' : state;
}
