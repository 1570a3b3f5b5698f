/** Formats the findings as text. */
import ms from 'ms';
import { type Column, table } from '../../src/cli/output/table.ts';
import { terminalOf } from '../../src/cli/output/terminal.ts';
import type { ClassFindings, Findings } from './measures.ts';

const columns: Column<ClassFindings>[] = [
  { title: 'class', cell: ({ name }) => name },
  ...(
    [
      ['tenants', ({ tenants }) => tenants],
      ['messages', ({ enqueued }) => enqueued],
      ['done', ({ done }) => done],
      ['dead', ({ dead }) => dead],
      ['waiting', ({ waiting }) => waiting],
      ['touches', ({ touches }) => touches],
    ] satisfies [string, (row: ClassFindings) => number][]
  ).map(
    ([title, value]): Column<ClassFindings> => ({
      title,
      align: 'right',
      cell: (row) => value(row).toLocaleString('en'),
    }),
  ),
  ...(['p50', 'p95', 'p99', 'max'] as const).map(
    (title): Column<ClassFindings> => ({
      title,
      align: 'right',
      cell: ({ latencyMs }) => latencyMs && ms(latencyMs[title]),
    }),
  ),
  { title: 'awake h', align: 'right', cell: ({ awakeHours }) => awakeHours && Math.round(awakeHours) },
];

export async function reportText(findings: Findings): Promise<string> {
  const terminal = terminalOf(process.stdout);
  const { colors } = terminal;
  const { title, strategy, simulatedMs, touches, fixedPolling, calls, plans, runs, cost } = findings;
  const count = (value: number) => value.toLocaleString('en');
  const money = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 4 });
  return [
    colors.bold(title),
    `${ms(simulatedMs)} under ${strategy}; latencies are from enqueue to the handler's first start`,
    '',
    await table(findings.classes, columns, terminal),
    '',
    `database touches  ${count(touches)}; polling every ${ms(fixedPolling.everyMs)} would make ${count(fixedPolling.touches)} (${(fixedPolling.touches / touches).toFixed(1)} times as many)`,
    `calls             ${count(calls)} to tenants' databases`,
    `invocations       ${count(plans)} plans, ${count(runs)} runs`,
    ...(cost.sum > 0
      ? [
          `cost              ${money(cost.sum)}: executions ${money(cost.executions)}, run time ${money(cost.runTime)}, databases awake ${money(cost.databases)}`,
        ]
      : []),
  ].join('\n');
}
