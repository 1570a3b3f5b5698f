/** The choice of tenants, and a loop over them. */
import type { Command } from 'commander';
import { inParallel } from '../fleet/in-parallel.ts';
import type { MultiOutbox } from '../multi-outbox.ts';
import { listArgument } from './arguments.ts';
import { errorReport, UsageError } from './errors.ts';
import type { TenantFailure } from './failures.ts';
import { startProgress } from './output/progress.ts';

export interface TenantChoice {
  tenant?: string[];
  all?: true;
}

export function addTenantOptions(command: Command): Command {
  return command
    .option('--tenant <id>', 'select this tenant; repeatable', listArgument)
    .option('--all', 'select every tenant that is not retired');
}

/**
 * The selected tenants, sorted by id unless they were named. There is no default: a command must not reach every database
 * because someone forgot an option.
 */
export async function chosenTenants(
  multiOutbox: MultiOutbox,
  { tenant, all }: TenantChoice,
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
  const progress = await startProgress(title, 'tenants', options);
  let done = 0;
  progress.update(done, tenantIds.length);
  const outcomes = await inParallel(tenantIds, parallel, async (tenantId) => {
    const outcome = await attempted(tenantId, action);
    progress.update(++done, tenantIds.length);
    return outcome;
  });
  progress.stop();
  return {
    results: outcomes.flatMap((outcome) => ('result' in outcome ? [outcome] : [])),
    failures: outcomes.flatMap((outcome) => ('code' in outcome ? [outcome] : [])),
  };
}

async function attempted<Result>(
  tenantId: string,
  action: (tenantId: string) => Promise<Result>,
): Promise<{ tenantId: string; result: Result } | (TenantFailure & { tenantId: string })> {
  try {
    return { tenantId, result: await action(tenantId) };
  } catch (error) {
    const { code, message } = errorReport(error);
    return { tenantId, code, message };
  }
}
