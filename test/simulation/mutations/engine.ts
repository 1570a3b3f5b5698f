import type { Mutation } from './mutation.ts';

/** Mistakes in the embedded engine. */
export const engineMutations: readonly Mutation[] = [
  {
    name: 'settle compares no fence',
    breaks: 'Q6, Q8',
    file: 'engine/sqlite/queue/outcomes.ts',
    edits: [
      ['if (!isLast) return outcomes.map(({ sequence }) => sequence);', ''],
      ['ClaimFence = :fence AND Status = 1`;', ':fence > 0 AND Status = 1`;'],
      ['AND ClaimFence = ?`,\n    done:', 'AND ? > 0`,\n    done:'],
      ['AND ClaimFence = ?`,\n    claimed:', 'AND ? > 0`,\n    claimed:'],
      ['AND ClaimFence = ?`,\n    claimedSequences:', 'AND ? > 0`,\n    claimedSequences:'],
      ['AND ClaimFence = ?`,\n    retry:', 'AND ? > 0`,\n    retry:'],
    ],
  },
  {
    name: 'settle compares fences, but no acquisitions',
    breaks: 'Q8',
    file: 'engine/sqlite/queue/outcomes.ts',
    edits: [['if (!isLast) return outcomes.map(({ sequence }) => sequence);', '']],
  },
  {
    name: 'begin recovers nothing',
    breaks: 'Q6',
    file: 'engine/sqlite/queue/begin.ts',
    edits: [['presence.claimed ? recover(connection, table) : 0;', '0 * recover.length;']],
  },
  {
    name: 'recovered messages are not marked',
    breaks: 'Q7',
    file: 'engine/sqlite/queue/begin.ts',
    edits: [['SET Status = 0, Recovered = 1,', 'SET Status = 0, Recovered = 0,']],
  },
  {
    name: 'a claim counts no attempt',
    breaks: 'Q5',
    file: 'engine/sqlite/queue/claim.ts',
    edits: [["'min(max(Attempts, 0), 2147483646) + 1'", "'min(max(Attempts, 0), 2147483646)'"]],
  },
  {
    name: 'a release keeps its attempt',
    breaks: 'Q5',
    file: 'engine/sqlite/queue/outcomes.ts',
    edits: [['Attempts = max(0, Attempts - 1),', 'Attempts = max(0, Attempts),']],
  },
  {
    name: 'a claim takes messages before they are due',
    breaks: 'Q4, Q11',
    file: 'engine/sqlite/queue/candidates.ts',
    edits: [
      [
        'new DueRows<CandidateRow>(connection, order, {',
        'new DueRows<CandidateRow>(connection, { now: order.now + 2_000, isDelayedDue: true }, {',
      ],
    ],
  },
  {
    name: 'retries come without their delay',
    breaks: 'D3',
    file: 'engine/sqlite/queue/outcomes.ts',
    edits: [['due: now + wholeMs(outcome.delayMs),', 'due: now + 0 * wholeMs(outcome.delayMs),']],
  },
  {
    name: 'a recovered message is claimed beside others',
    breaks: 'Q7',
    file: 'engine/sqlite/queue/claim.ts',
    edits: [
      [
        'if (first === undefined) return !message.recovered || solo;',
        'if (first === undefined) return true;',
      ],
      ['if (!first.recovered) return !message.recovered;', 'if (!first.recovered) return true;'],
    ],
  },
  {
    name: 'recovered messages are claimed together, however often they were started',
    breaks: 'Q7',
    file: 'engine/sqlite/queue/claim.ts',
    edits: [
      [
        'return taken.length < together && diedOnce(first) && diedOnce(message);',
        'return diedOnce.length > 0;',
      ],
    ],
  },
  {
    name: 'a claim takes one message too many',
    breaks: 'Q4',
    file: 'engine/sqlite/queue/claim.ts',
    edits: [['while (taken.length < limit) {', 'while (taken.length <= limit) {']],
  },
  {
    name: 'settling unblocks no ordering group',
    breaks: 'Q10',
    file: 'engine/sqlite/queue/outcomes.ts',
    edits: [['unblockHeads(connection, table, keys.values());', 'void unblockHeads;']],
  },
  {
    name: 'a message may start before the head of its group',
    breaks: 'Q10',
    file: 'engine/sqlite/queue/ordering.ts',
    edits: [
      [') IS $', ') IS NOT NULL OR 1 = $'],
      ['WHERE Sequence = ($', 'WHERE Sequence >= ($'],
    ],
  },
  {
    name: 'a dead message does not block its group',
    breaks: 'Q10',
    file: 'engine/sqlite/queue/outcomes.ts',
    edits: [["inGroup: onDead === 'block' ? 1 : 0,", 'inGroup: 0,']],
  },
  {
    name: 'a retried message frees its group',
    breaks: 'Q10',
    file: 'engine/sqlite/queue/ordering.ts',
    edits: [
      [
        'Head.InGroup = 1 ORDER BY Head.Sequence',
        'Head.InGroup = 1 ORDER BY Head.Status = 0 AND Head.DueSetUtc < Head.DueUtc, Head.Sequence',
      ],
    ],
  },
  {
    name: 'dedup keys are not stored',
    breaks: 'Q3',
    file: 'engine/sqlite/queue/enqueue.ts',
    edits: [['message.dedupKey ?? null,\n      message.source', 'null,\n      message.source']],
  },
  {
    name: 'Done messages are removed at once',
    breaks: 'Q12',
    file: 'engine/sqlite/queue/purge.ts',
    edits: [
      [
        'const before = now - wholeMs(retention.doneMs);',
        'const before = now - 0 * wholeMs(retention.doneMs);',
      ],
    ],
  },
  {
    name: 'messages that died before the clock was set back are not replayed',
    breaks: 'Q13, Q16',
    file: 'engine/sqlite/queue/find.ts',
    edits: [
      [
        'olderThanMs === undefined || olderThanMs === 0 ? null : now - wholeMs(olderThanMs)',
        'now - wholeMs(olderThanMs ?? 0)',
      ],
      ['OR SettledUtc > :settledNow', 'OR :settledNow IS NULL'],
    ],
  },
  {
    name: 'the fence does not rise',
    breaks: 'L2',
    file: 'engine/sqlite/lease-store.ts',
    edits: [["nextNumber('Fence')}, AcquisitionId", "'Fence'}, AcquisitionId"]],
  },
  {
    name: 'a lease is taken a second before it runs out',
    breaks: 'L2',
    file: 'engine/sqlite/lease-store.ts',
    edits: [
      ['ExpiresUtc === null || ExpiresUtc <= Now ||', 'ExpiresUtc === null || ExpiresUtc <= Now + 1_000 ||'],
    ],
  },
  {
    name: 'a lease is renewed after its loss',
    breaks: 'L3',
    file: 'engine/sqlite/lease-store.ts',
    edits: [
      [
        'return connection.run(sql.renew, now, expires, name, owner, fence, acquisitionId) === 1;',
        'return connection.run(sql.renew, now, expires, name, owner, fence, acquisitionId) < 2;',
      ],
    ],
  },
  {
    name: 'a release does not free the lease',
    breaks: 'L3, L4',
    file: 'engine/sqlite/lease-store.ts',
    edits: [['SET Owner = NULL, ExpiresUtc = NULL, Context = NULL', 'SET Context = NULL']],
  },
  {
    name: "a dead host's lease lasts as long as the clock was set back",
    breaks: 'Q16',
    file: 'engine/sqlite/lease-store.ts',
    edits: [
      [
        'return isAfter(RenewedUtc, 0) || isAfter(',
        'return isAfter(RenewedUtc, 10 * clockToleranceMs ** 9) || isAfter(',
      ],
    ],
  },
  {
    name: 'due times stay where a clock that was set back has left them',
    breaks: 'Q16',
    file: 'engine/sqlite/queue/due-times.ts',
    edits: [
      [
        // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
        '${utc} > ${now} + ${clockToleranceMs}',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
        '${utc} > ${now} + 9000000000000000',
      ],
    ],
  },
  {
    name: "a handler's transaction settles nothing",
    breaks: 'T1',
    file: 'engine/sqlite/queue/transact.ts',
    edits: [
      [
        "const outcomes = [{ sequence, messageId, kind: 'done' }] as const;",
        "const outcomes = [{ sequence, messageId, kind: 'done' }].slice(1) as [];",
      ],
    ],
  },
  {
    name: "a handler's transaction ignores its signal",
    breaks: 'T3',
    file: 'engine/sqlite/queue/transact.ts',
    edits: [
      [
        'const result = await unlessAborted(() => work(lent.database), stop);',
        'const result = await unlessAborted(() => work(lent.database), new AbortController().signal);',
      ],
      ['stop.throwIfAborted();', 'void stop;'],
    ],
  },
  {
    name: "a handler's transaction can be used after its end",
    breaks: 'T1',
    file: 'engine/sqlite/lent-connection.ts',
    edits: [['this.#hasEnded = true;', 'void this.#hasEnded;']],
  },
  {
    name: 'a report cancels a wake',
    breaks: 'F7',
    file: 'engine/sqlite/registry/reports.ts',
    edits: [['THEN :again WHEN WakePending = 1', 'THEN :again WHEN WakePending = 9']],
  },
  {
    name: 'a report that is sent again counts again',
    breaks: 'D7',
    file: 'engine/sqlite/registry/reports.ts',
    edits: [
      [
        "const isRepeated = isAmong(':reportId', 'LastReports');",
        "const isRepeated = '(:reportId IS NULL AND 0)';",
      ],
    ],
  },
  {
    name: 'a skipped run does not count as a wake',
    breaks: 'F7',
    file: 'engine/sqlite/registry/reports.ts',
    edits: [['WakePending = NOT ', 'WakePending = WakePending AND NOT ']],
  },
  {
    name: 'a wake of a tenant in flight leaves no note',
    breaks: 'F7',
    file: 'engine/sqlite/registry/wakes.ts',
    edits: [
      ['note: `UPDATE Tenants SET WakePending = 1,', 'note: `UPDATE Tenants SET WakePending = WakePending,'],
    ],
  },
  {
    name: 'a plan that has lost its lease chooses tenants',
    breaks: 'F3',
    file: 'engine/sqlite/registry/plan.ts',
    edits: [
      ['if (!releaseLease(connection, plan.lease)) return [];', 'releaseLease(connection, plan.lease);'],
    ],
  },
  {
    // Round-robin gets only as many candidates as it may choose, so the engine's order decides.
    name: 'a plan reads the tenants that have been due for the shortest time',
    breaks: 'F4',
    file: 'engine/sqlite/registry/plan.ts',
    edits: [
      ['ORDER BY Tenants.NextDueUtc, Id LIMIT :limit', 'ORDER BY Tenants.NextDueUtc DESC, Id LIMIT :limit'],
    ],
  },
  {
    name: 'a plan brings no due time forward',
    breaks: 'F6',
    file: 'engine/sqlite/registry/plan.ts',
    edits: [['if (plan.lookWithinMs !== undefined) {', 'if (plan.lookWithinMs === -1) {']],
  },
  {
    name: 'a run counts dead messages that there are not',
    breaks: 'S2',
    file: 'engine/sqlite/queue/counts.ts',
    edits: [['      dead: row.Dead,\n', '      dead: row.Dead + 7,\n']],
  },
  {
    name: 'a report tells of no dead messages',
    breaks: 'S2',
    file: 'engine/sqlite/registry/reports.ts',
    edits: [['outbox: storedState(outbox),', 'outbox: storedState(outbox && { ...outbox, dead: 0 }),']],
  },
  {
    name: 'a tenant that is changed loses the counts of its runs',
    breaks: 'S2',
    file: 'engine/sqlite/registry/tenants.ts',
    edits: [["unlessMoved('OutboxState', 'NULL')", "'NULL'"]],
  },
  {
    name: 'the sums of the fleet leave the inbox out',
    breaks: 'F6',
    file: 'engine/sqlite/registry/reports.ts',
    edits: [["+ coalesce(InboxState ->> '$.", "+ coalesce(NULL ->> '$."]],
  },
  {
    name: 'a plan of a range reads all tenants',
    breaks: 'F3',
    file: 'engine/sqlite/registry/plan.ts',
    edits: [["' AND plan_range(Id, :of) = :range',", "'',"]],
  },
  {
    name: 'a plan chooses tenants that are not due',
    breaks: 'F6',
    file: 'engine/sqlite/registry/plan.ts',
    edits: [
      [
        'read(connection, plan, scope, due, now).map',
        'read(connection, plan, scope, due + 9, now + 3_600_000).map',
      ],
    ],
  },
  {
    name: 'a chosen tenant is not due again',
    breaks: 'F3',
    file: 'engine/sqlite/registry/plan.ts',
    edits: [
      [
        'const again = now + wholeMs(plan.redispatchMs);',
        'const again = now + 10 * wholeMs(plan.redispatchMs);',
      ],
    ],
  },
];
