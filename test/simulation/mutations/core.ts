import type { Mutation } from './mutation.ts';

/** Mistakes in the code that all engines share: dispatch runs, leases, plans and schedules. */
export const coreMutations: readonly Mutation[] = [
  {
    name: 'a run does not check its lease before it starts a handler',
    breaks: 'D5, L4',
    file: 'queue/run.ts',
    edits: [['    this.#lease.check(now);\n', '']],
  },
  {
    name: 'a renewal counts from its answer',
    breaks: 'L4',
    file: 'lease/heartbeat.ts',
    edits: [
      [
        'this.#deadline = sentAt + expiresInMs;',
        'this.#deadline = performance.now() + expiresInMs + 0 * sentAt;',
      ],
    ],
  },
  {
    name: 'a heartbeat does not notice that its time is up',
    breaks: 'L4',
    file: 'lease/heartbeat.ts',
    edits: [['    this.#end.set(this.#deadline);\n', '']],
  },
  {
    name: 'a run takes whole batches more than it may',
    breaks: 'D6',
    file: 'queue/next-call.ts',
    edits: [
      ['waiting + running > batchSize) return false;', 'waiting + running > 9 * batchSize) return false;'],
    ],
  },
  {
    name: 'a run claims beside a recovered message',
    breaks: 'Q7',
    file: 'queue/next-call.ts',
    edits: [['if (solo || startable', 'if ((solo && startable < 0) || startable']],
  },
  {
    name: 'a run ends without releasing its lease',
    breaks: 'D5, L4',
    file: 'queue/next-call.ts',
    edits: [["    return 'release-lease';\n", "    return ended > 0 ? 'renew-lease' : 'end';\n"]],
  },
  {
    name: 'a run releases its lease beside a commit that is under way',
    breaks: 'D5, T1',
    file: 'queue/next-call.ts',
    edits: [['} else if (running === 0) {', "} else if (running === 0 || phase === 'leaving') {"]],
  },
  {
    name: 'a stopped run keeps its unstarted messages',
    breaks: 'D5',
    file: 'queue/run.ts',
    edits: [
      [
        'const { current, why } = this.#phase;\n    this.#inFlight.releaseWaiting();',
        'const { current, why } = this.#phase;',
      ],
    ],
  },
  {
    name: 'messages of one key run at the same time',
    breaks: 'Q10',
    file: 'queue/waiting.ts',
    edits: [
      ['if (key !== null) {', 'if (key !== null && key.length > 99) {'],
      [
        'return message.orderingKey === null ? [] : this.#advance',
        'return message.orderingKey !== null ? [] : this.#advance',
      ],
    ],
  },
  {
    name: 'the messages behind a failed one of their key go on',
    breaks: 'Q10',
    file: 'queue/in-flight.ts',
    edits: [
      [
        "    case 'retry':\n    case 'release':\n      return false;",
        "    case 'retry':\n    case 'release':\n      return true;",
      ],
    ],
  },
  {
    name: 'a message is started although its attempts are used up',
    breaks: 'Q7',
    file: 'queue/in-flight.ts',
    edits: [['if (message.attempt <= maxAttempts) return', 'if (message.attempt <= 9 * maxAttempts) return']],
  },
  {
    name: 'the last attempt is retried',
    breaks: 'D3',
    file: 'queue/outcome.ts',
    edits: [
      [
        "if (attempt >= policy.maxAttempts) return { kind: 'dead', error };",
        "if (attempt > policy.maxAttempts) return { kind: 'dead', error };",
      ],
    ],
  },
  {
    name: 'a permanent error is retried',
    breaks: 'D3',
    file: 'queue/outcome.ts',
    edits: [
      ["if (isNamed(thrown, 'PermanentError')) return", "if (isNamed(thrown, 'PermanentErrors')) return"],
    ],
  },
  {
    name: 'a snooze counts as an attempt',
    breaks: 'D3, Q5',
    file: 'queue/outcome.ts',
    edits: [
      [
        "return { kind: 'release', delayMs: Math.max(shortestSnoozeMs, delayMs), error };",
        "return { kind: 'retry', delayMs: Math.max(shortestSnoozeMs, delayMs), error };",
      ],
    ],
  },
  {
    name: 'RetryAfter is not obeyed',
    breaks: 'D3',
    file: 'queue/outcome.ts',
    edits: [["const after = isNamed(thrown, 'RetryAfter')", "const after = isNamed(thrown, 'RetryAfters')"]],
  },
  {
    name: 'a transaction that was rolled back counts as settled',
    breaks: 'T1',
    file: 'queue/attempt.ts',
    edits: [
      [
        "return this.#transaction?.state === 'committed';",
        "return this.#transaction !== undefined && this.#transaction.state !== 'open';",
      ],
    ],
  },
  {
    name: 'a handler that fails after its commit is retried',
    breaks: 'T2',
    file: 'queue/attempt.ts',
    edits: [
      ["const last: Outcome = settled ? { kind: 'done' } : outcome;", 'const last: Outcome = outcome;'],
      [
        "return this.#transaction?.state === 'committed';",
        "return this.#transaction?.state === 'committed' && this.#endedAt === undefined;",
      ],
    ],
  },
  {
    name: 'the last outcome of a call is dropped while more is left',
    breaks: 'Q8',
    file: 'queue/settle-call.ts',
    edits: [
      [
        '    outcomes,\n    onDead,',
        '    outcomes: backlog.left.more ? outcomes.slice(0, -1) : outcomes,\n    onDead,',
      ],
    ],
  },
  {
    name: 'lost outcomes count as dispatched',
    breaks: 'Q8, D7',
    file: 'queue/tally.ts',
    edits: [['if (missing.has(outcome.sequence)) {', 'if (missing.has(-outcome.sequence)) {']],
  },
  {
    name: 'only one of a tenant’s queues is dispatched',
    breaks: 'D1',
    file: 'fleet/dispatch/run-queues.ts',
    edits: [['[...handlers].map(([name, set]) =>', '[...handlers].slice(0, 1).map(([name, set]) =>']],
  },
  {
    name: 'idle tenants are looked at as often as busy ones',
    breaks: 'F5, F6',
    file: 'fleet/plan/schedule-policy.ts',
    edits: [['idleInterval(idleStreak, settings), sooner(', 'idleInterval(0, settings), sooner(']],
  },
  {
    name: 'an idle tenant is not looked at within the bound',
    breaks: 'F6',
    file: 'fleet/plan/schedule-policy.ts',
    edits: [
      [
        'nextDueInMs: sooner(wanted.nextDueInMs, settings.lookWithinMs) }',
        'nextDueInMs: wanted.nextDueInMs }',
      ],
    ],
  },
  {
    name: 'known due times are forgotten',
    breaks: 'F5, Q11',
    file: 'fleet/plan/schedule-policy.ts',
    edits: [['const known = sooner(result.nextDueInMs, result.purgeInMs', 'const known = (result.purgeInMs']],
  },
  {
    name: 'a strategy gives no fair slots',
    breaks: 'F4',
    file: 'fleet/plan/strategies/fair-slots.ts',
    edits: [
      [
        'const rest = preferred.splice(capacity - fair);',
        'const rest = preferred.splice(capacity - 0 * fair);',
      ],
      ['slice(0, fair)];', 'slice(0, 0)];'],
    ],
  },
  {
    name: 'a range that was planned once counts as being planned',
    breaks: 'F3',
    file: 'fleet/plan/plan-ranges.ts',
    edits: [['      this.#underWay.delete(range.range);\n', '']],
  },
  {
    name: 'a wake comes before the commit',
    breaks: 'F7',
    file: 'queue/wakes.ts',
    edits: [['this.#access.wakeAfter(committed);', 'void this.#access.wake();']],
  },
  {
    name: 'an enqueue wakes no tenant',
    breaks: 'F7',
    file: 'outbox/outbox.ts',
    edits: [['    if (wake) {', '    if (wake && messages.length > 99) {']],
  },
  {
    name: 'a database is closed while it is used',
    breaks: 'F8',
    file: 'engine/eviction.ts',
    edits: [['if (uses === 0) idle.push(key);', 'if (uses >= 0) idle.push(key);']],
  },
  {
    name: 'close does not wait for the runs',
    breaks: 'D5',
    file: 'fleet/fleet-handle.ts',
    edits: [['    await this.#work.ended();\n', '']],
  },
];
