/** Options that select tenants and Dead messages, and a loop over the selected tenants. */
import { type Command, Option } from 'commander';
import type { MessageRecord } from '../engine/message.ts';
import { type DeadFilter, type QueueName, queueNames } from '../engine/work-queue.ts';
import type { MultiOutbox } from '../multi-outbox.ts';
import { durationArgument, listArgument } from './arguments.ts';
import { errorReport, UsageError } from './errors.ts';
import type { TenantFailure } from './failures.ts';
import { startProgress } from './output/progress.ts';

export interface DeadOptions {
  queue: QueueName;
  tenant?: string[];
  all?: true;
  topic?: string;
  olderThan?: number;
}

export type TenantMessage = MessageRecord & { readonly tenantId: string };

export function addDeadOptions(command: Command): Command {
  return command
    .addOption(queueOption())
    .option('--tenant <id>', 'select this tenant; repeatable', listArgument)
    .option('--all', 'select every tenant that is not retired')
    .option('--topic <topic>', 'select only messages with this topic')
    .option(
      '--older-than <duration>',
      'select only messages that have been Dead for at least this long',
      durationArgument,
    );
}

export function queueOption(): Option {
  return new Option('--queue <queue>', 'which work queue').choices([...queueNames]).default('outbox');
}

export function deadFilter(
  { topic, olderThan }: DeadOptions,
  messageIds: readonly string[] = [],
): DeadFilter {
  return {
    ...(messageIds.length > 0 && { messageIds }),
    ...(topic !== undefined && { topic }),
    ...(olderThan !== undefined && { olderThanMs: olderThan }),
  };
}

/**
 * The selected tenants. There is no default: a command must not reach every database because someone forgot an option.
 */
export async function chosenTenants(
  multiOutbox: MultiOutbox,
  { tenant, all }: DeadOptions,
): Promise<string[]> {
  if (tenant !== undefined && all) throw new UsageError('Give either --tenant or --all, not both.');
  if (tenant !== undefined) {
    const ids = [...new Set(tenant)];
    for (const id of ids) await multiOutbox.tenants.get(id);
    return ids;
  }
  if (!all) throw new UsageError('No tenant was selected; give --tenant ID (repeatable) or --all.');
  const ids: string[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await multiOutbox.tenants.list({ limit: 500, ...(after !== undefined && { after }) });
    if (page.length === 0) return ids;
    ids.push(...page.filter(({ status }) => status !== 'retired').map(({ id }) => id));
    after = page.at(-1)!.id;
  }
}

const parallel = 8;

/**
 * Calls `action` for each tenant, eight at once. A tenant's failure does not stop the others (D8). Results and
 * failures keep the order of `tenantIds`.
 */
export async function forEachTenant<Result>(
  tenantIds: readonly string[],
  title: string,
  options: { json: boolean },
  action: (tenantId: string) => Promise<Result>,
): Promise<{ results: { tenantId: string; result: Result }[]; failures: TenantFailure[] }> {
  const progress = tenantIds.length > 1 ? await startProgress(title, 'tenants', options) : null;
  const found = new Map<string, Result>();
  const failed = new Map<string, TenantFailure>();
  const waiting = [...tenantIds];
  let done = 0;
  const work = async () => {
    for (let tenantId = waiting.shift(); tenantId !== undefined; tenantId = waiting.shift()) {
      try {
        found.set(tenantId, await action(tenantId));
      } catch (error) {
        const { code, message } = errorReport(error);
        failed.set(tenantId, { tenantId, code, message });
      }
      done += 1;
      progress?.update(done, tenantIds.length);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  progress?.stop();
  const results = tenantIds
    .filter((tenantId) => found.has(tenantId))
    .map((tenantId) => ({ tenantId, result: found.get(tenantId)! }));
  const failures = tenantIds.flatMap((tenantId) => failed.get(tenantId) ?? []);
  return { results, failures };
}
