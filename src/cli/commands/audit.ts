import type { Command } from 'commander';
import type { AuditRow } from '../../fleet/messages/audited.ts';
import { wholeNumber } from '../arguments.ts';
import { table } from '../output/table.ts';
import { flatPairs, time } from '../output/text.ts';
import type { Runner } from '../runner.ts';

interface AuditOptions {
  limit: number;
  before?: string;
  tenant?: string;
  operation?: string;
}

export function auditCommands(program: Command, run: Runner): void {
  program
    .command('audit')
    .description("the record of operators' acts")
    .command('list')
    .description("list operators' acts, the latest first: who, what, when, which messages and how many")
    .option('--tenant <id>', 'only acts on this tenant')
    .option('--operation <id>', 'only acts of this operation')
    .option('--limit <number>', 'show at most this many', wholeNumber(1, 1_000), 50)
    .option('--before <id>', 'only acts before the one with this id')
    .action(({ limit, before, tenant, operation }: AuditOptions, command: Command) =>
      run(command, async (session) => {
        const multiOutbox = await session.open();
        const rows = await multiOutbox.messages.audit({
          limit,
          ...(before !== undefined && { before }),
          ...(tenant !== undefined && { tenantId: tenant }),
          ...(operation !== undefined && { operationId: operation }),
        });
        await session.show({ acts: rows }, () =>
          rows.length === 0
            ? 'No act is recorded.'
            : table(
                rows,
                [
                  { title: 'Id', cell: ({ id }) => String(id), align: 'right' },
                  { title: 'Time', cell: ({ startedUtc }) => time(startedUtc) },
                  { title: 'By', cell: ({ actor }) => actor, breaks: true },
                  { title: 'Act', cell: ({ act }) => act },
                  { title: 'Tenant', cell: ({ tenantId }) => tenantId, breaks: true },
                  { title: 'Count', cell: countText, align: 'right' },
                  { title: 'Selection', cell: ({ selection }) => flatPairs(selection), text: true },
                  { title: 'Error', cell: ({ error }) => error, text: true },
                ],
                session.terminal,
              ),
        );
      }),
    );
}

function countText({ endedUtc, count }: AuditRow): string | number | null {
  return endedUtc === null ? 'not ended' : count;
}
