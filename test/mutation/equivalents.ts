/** Mutants that behave like the original, each with the reason. An entry that matches no mutant is reported. */
export interface Equivalent {
  readonly file: string;
  /** A part of the mutant's line. */
  readonly line: string;
  readonly mutant: string;
  readonly why: string;
}

export const equivalents: readonly Equivalent[] = [
  {
    file: 'src/local/host.ts',
    line: 'let waiting = true;',
    mutant: 'true → false',
    why: 'A plan sets it before anything reads it.',
  },
  {
    file: 'src/lease/heartbeat.ts',
    line: '#extensions = 0;',
    mutant: '0 → 1',
    why: 'Counts are only compared with one another.',
  },
  {
    file: 'src/lease/heartbeat.ts',
    line: 'this.#extensions++;',
    mutant: '++ → --',
    why: 'Counts are only compared with one another.',
  },
  {
    file: 'src/lease/heartbeat.ts',
    line: 'this.#renewTimer = setTimeout(() => void this.#renew(), Math.max(0, Math.min(delayMs, this.remainingMs)));',
    mutant: '0 → 1',
    why: 'A timer of 0 ms is one of 1 ms.',
  },
  {
    file: 'src/lease/heartbeat.ts',
    line: 'Math.min(Math.max(0, this.remainingMs), longestTimerMs),',
    mutant: '0 → 1',
    why: 'A timer of 0 ms is one of 1 ms.',
  },
  {
    file: 'src/lease/leases.ts',
    line: 'if (found === undefined || found.owner === null) return null;',
    mutant: 'found === undefined || found.owner === null → (found === undefined)',
    why: 'The release of a lease without an owner finds no row, which is null as well.',
  },
  {
    file: 'src/lease/leases.ts',
    line: 'randomUUID().slice(0, 8)',
    mutant: 'randomUUID().slice(0, 8) → randomUUID()',
    why: 'Any part of a UUID distinguishes owners.',
  },
  {
    file: 'src/lease/leases.ts',
    line: 'randomUUID().slice(0, 8)',
    mutant: '0 → 1',
    why: 'Any part of a UUID distinguishes owners.',
  },
  {
    file: 'src/lease/leases.ts',
    line: 'randomUUID().slice(0, 8)',
    mutant: '8 → (2 * 8)',
    why: 'Any part of a UUID distinguishes owners.',
  },
  {
    file: 'src/lease/leases.ts',
    line: 'if (durationMs === null || durationMs < 100 || durationMs > longestMs) {',
    mutant: 'durationMs === null || durationMs < 100 → (durationMs < 100)',
    why: 'null is less than 100.',
  },
  {
    file: 'src/queue/waiting.ts',
    line: 'if (chosen.head * 2 >= chosen.entries.length) {',
    mutant: '>= → >',
    why: 'What has left is forgotten one message later.',
  },
  {
    file: 'src/fleet/plan/fleet-gauge.ts',
    line: '#dueAt = 0;',
    mutant: '0 → 1',
    why: 'A process has run for longer than 1 ms before it plans.',
  },
  {
    file: 'src/fleet/plan/strategies/rank.ts',
    line: 'return x.tenant.id < y.tenant.id ? -1 : 1;',
    mutant: '< → <=',
    why: 'No two candidates have the same id.',
  },
  {
    file: 'src/fleet/plan/planner.ts',
    line: 'oldestDueMs: candidates[0]?.overdueMs ?? 0,',
    mutant: '?. → .',
    why: 'A plan that found tenants due has a candidate: its capacity is at least 1.',
  },
  {
    file: 'src/engine/sqlite/queue/claim.ts',
    line: 'if (key === null) return;',
    mutant: 'key === null → false',
    why: 'Nothing has the ordering key null: the read finds no row.',
  },
  {
    file: 'src/fleet/operations/migrate.ts',
    line: 'ofRegistry.result?.from === ofRegistry.result?.to',
    mutant: '?. → .',
    why: 'A registry whose migration has no error has a result.',
  },
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
    file: 'src/engine/sqlite/queue/claim.ts',
    line: 'this.#due.return?.();',
    mutant: '?. → nothing',
    why: 'The iterators of node:sqlite have this method.',
  },
  {
    file: 'src/engine/sqlite/queue/claim.ts',
    line: 'return { message, bytes: row[14], turn: dueMsOf(row), follows: false };',
    mutant: 'false → true',
    why: 'The messages are then claimed one by one, which is only slower.',
  },
  {
    file: 'src/engine/sqlite/queue/claim.ts',
    line: 'if (head?.Sequence === sequence && head.Running === 0) return true;',
    mutant: '?. → .',
    why: 'The message itself is in its group, so the group has a head.',
  },
  {
    file: 'src/engine/sqlite/queue/claim.ts',
    line: 'one.turn === other.turn && one.message.sequence < other.message.sequence',
    mutant: '< → <=',
    why: 'No two candidates have the same sequence.',
  },
  {
    file: 'src/engine/sqlite/queue/commits.ts',
    line: 'const lookMs = 5;',
    mutant: '5 → (2 * 5)',
    why: 'How often it looks changes only how soon it answers.',
  },
  {
    file: 'src/engine/sqlite/queue/enqueue.ts',
    line: 'if (first.MessageId === null) throw',
    mutant: 'first.MessageId === null → false',
    why: 'A message that is not stored conflicts with one that is, and the read finds that one.',
  },
  {
    file: 'src/engine/sqlite/queue/enqueue.ts',
    line: 'if (first.MessageId === null) throw',
    mutant: `throw new Error(\`message \${messageId} was neither stored nor found\`); → ;`,
    why: 'A message that is not stored conflicts with one that is, and the read finds that one.',
  },
  {
    file: 'src/engine/sqlite/queue/enqueue.ts',
    line: 'message.dedupKey ?? message.messageId',
    mutant: 'message.dedupKey ?? message.messageId → (message.dedupKey)',
    why: 'Without a dedup key only the message’s own id can be known, and under a known id nothing is inserted.',
  },
  {
    file: 'src/engine/sqlite/queue/outcomes.ts',
    line: 'if (done.length === 0) return;',
    mutant: 'done.length === 0 → false',
    why: 'The statements then write nothing, which is only slower.',
  },
  {
    file: 'src/engine/sqlite/queue/transact.ts',
    line: "{ lease, outcomes, onDead: 'block' },",
    mutant: "'block' → ''",
    why: 'Only Dead outcomes read it.',
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
    file: 'src/queue/attempt-transaction.ts',
    line: "this.#state = 'rolled-back';",
    mutant: "'rolled-back' → ''",
    why: 'The state is compared only with the other three.',
  },
  {
    file: 'src/queue/in-flight.ts',
    line: 'if (last !== attempt) this.#running',
    mutant: 'last !== attempt → true',
    why: 'The attempt is then the last one and has left the array, so the assignment goes to the index -1, which no reader sees.',
  },
  {
    file: 'src/queue/in-flight.ts',
    line: "case 'retry':",
    mutant: "'retry' → ''",
    why: 'The switch then returns undefined, which unblocks no message either.',
  },
  {
    file: 'src/queue/in-flight.ts',
    line: "case 'release':",
    mutant: "'release' → ''",
    why: 'The switch then returns undefined, which unblocks no message either.',
  },
  {
    file: 'src/queue/run.ts',
    line: "this.#on({ kind: 'error', reason: error });",
    mutant: "'error' → ''",
    why: "A kind that the phases do not know leads to 'stopping' as well, and the report takes its reason from elsewhere.",
  },
  {
    file: 'src/queue/waiting.ts',
    line: '#order = 0;',
    mutant: '0 → 1',
    why: 'Numbers of the order are only compared with one another.',
  },
  {
    file: 'src/queue/waiting.ts',
    line: 'if (chosen === undefined || entry.order < chosen.entries[chosen.head]!.order) chosen = lane;',
    mutant: '< → <=',
    why: 'No two messages have the same number.',
  },
  {
    file: 'src/queue/waiting.ts',
    line: 'if (chosen.head * 2 >= chosen.entries.length) {',
    mutant: 'chosen.head * 2 >= chosen.entries.length → true',
    why: 'Started messages leave memory earlier.',
  },
  {
    file: 'src/queue/waiting.ts',
    line: 'if (chosen.head * 2 >= chosen.entries.length) {',
    mutant: '2 → (2 * 2)',
    why: 'Started messages leave memory earlier.',
  },
  {
    file: 'src/queue/waiting.ts',
    line: 'limit: assignment.handler?.concurrency ?? Number.POSITIVE_INFINITY,',
    mutant: 'assignment.handler?.concurrency ?? Number.POSITIVE_INFINITY → (assignment.handler?.concurrency)',
    why: 'No number reaches undefined, nor infinity.',
  },
  {
    file: 'src/fleet/tenants/definition.ts',
    line: 'v.transform((input) => parseDuration(input) ?? Number.NaN),',
    mutant: 'parseDuration(input) ?? Number.NaN → (parseDuration(input))',
    why: 'The check refuses null as well.',
  },
  {
    file: 'src/fleet/dispatch/report-run.ts',
    line: '...(continuedForMs !== undefined && { continuedForMs }),',
    mutant: 'continuedForMs !== undefined && { continuedForMs } → ({ continuedForMs })',
    why: 'An undefined one counts like none.',
  },
  {
    file: 'src/fleet/dispatch/request-pages.ts',
    line: 'let bytes = 0;',
    mutant: '0 → 1',
    why: 'The first request begins a page, which sets it.',
  },
];
