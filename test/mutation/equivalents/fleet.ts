import type { Equivalent } from './equivalent.ts';

export const fleetEquivalents: readonly Equivalent[] = [
  {
    file: 'src/fleet/dispatch/dispatcher.ts',
    line: "failed(span, error?.code ?? 'INTERNAL');",
    mutant: "error?.code ?? 'INTERNAL' → (error?.code)",
    why: 'The report of a run that failed has an error, and each has a code.',
  },
  {
    file: 'src/fleet/dispatch/dispatcher.ts',
    line: "failed(span, error?.code ?? 'INTERNAL');",
    mutant: '?. → .',
    why: 'The report of a run that failed has an error.',
  },
  {
    file: 'src/fleet/dispatch/dispatcher.ts',
    line: "failed(span, error?.code ?? 'INTERNAL');",
    mutant: "'INTERNAL' → ''",
    why: 'The report of a run that failed has an error, and each has a code.',
  },
  {
    file: 'src/fleet/dispatch/request-pages.ts',
    line: 'let bytes = 0;',
    mutant: '0 → 1',
    why: 'The first request begins a page, which sets it.',
  },
  {
    file: 'src/fleet/dispatch/run-queues.ts',
    line: 'runId.slice(0, 8)',
    mutant: 'runId.slice(0, 8) → runId',
    why: 'Any part of a UUID tells owners apart.',
  },
  {
    file: 'src/fleet/dispatch/run-queues.ts',
    line: 'runId.slice(0, 8)',
    mutant: '0 → 1',
    why: 'Any part of a UUID tells owners apart.',
  },
  {
    file: 'src/fleet/dispatch/run-queues.ts',
    line: 'runId.slice(0, 8)',
    mutant: '8 → (2 * 8)',
    why: 'Any part of a UUID tells owners apart.',
  },
  {
    file: 'src/fleet/operations/doctor.ts',
    line: 'const isWhole = ids === undefined || tenants.length === 0;',
    mutant: 'ids === undefined || tenants.length === 0 → (tenants.length === 0)',
    why: 'The tenants are then read a second time, which is only slower.',
  },
  {
    file: 'src/fleet/operations/doctor.ts',
    line: "aheadMs > 0 ? 'ahead of' : 'behind'",
    mutant: '> → >=',
    why: 'Only differences of more than five seconds get there.',
  },
  {
    file: 'src/fleet/operations/doctor.ts',
    line: "aheadMs > 0 ? 'ahead of' : 'behind'",
    mutant: '0 → 1',
    why: 'Only differences of more than five seconds get there.',
  },
  {
    file: 'src/fleet/operations/migrate.ts',
    line: 'ofRegistry.result?.from === ofRegistry.result?.to',
    mutant: '?. → .',
    why: 'A registry whose migration has no error has a result.',
  },
  {
    file: 'src/fleet/plan/fleet-gauge.ts',
    line: '#dueAt = 0;',
    mutant: '0 → 1',
    why: 'A process has run for longer than 1 ms before it plans.',
  },
  {
    file: 'src/fleet/plan/planner.ts',
    line: 'const late = sinceMs !== null && sinceMs > 2 * plan.intervalMs;',
    mutant: 'sinceMs !== null && sinceMs > 2 * plan.intervalMs → (sinceMs > 2 * plan.intervalMs)',
    why: 'null is not greater than any interval.',
  },
  {
    file: 'src/fleet/plan/strategies/rank.ts',
    line: '(a.tenant.id < b.tenant.id ? -1 : 1)',
    mutant: '< → <=',
    why: 'No two candidates have the same id.',
  },
  {
    file: 'src/fleet/tenants/definition.ts',
    line: 'v.transform((input) => parseDuration(input) ?? Number.NaN),',
    mutant: 'parseDuration(input) ?? Number.NaN → (parseDuration(input))',
    why: 'The check refuses null as well.',
  },
  {
    file: 'src/fleet/tenants/open-limit.ts',
    line: "readFileSync('/proc/self/limits', 'utf8')",
    mutant: "'utf8' → ''",
    why: 'The regular expression makes the same text of the bytes.',
  },
  {
    file: 'src/fleet/tenants/read-all.ts',
    line: '.then(() => iterator.return?.())',
    mutant: '?. → nothing',
    why: 'The failure of the call is ignored, so a method that is missing does not matter.',
  },
];
