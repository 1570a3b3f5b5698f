import type { Equivalent } from './equivalent.ts';

const folder = 'src/engine/sqlite/queue';

/** Several mutants of a line, for one reason. */
function each(file: string, line: string, mutants: readonly string[], why: string): Equivalent[] {
  return mutants.map((mutant) => ({ file: `${folder}/${file}`, line, mutant, why }));
}

const slower = 'It finds the same, which only takes longer.';
const nothingThere = 'The statement then finds no row.';
const notLookedAt =
  'An expression, so that SQLite does not look at the parameter by itself; it adds nothing.';

export const sqliteQueueEquivalents: readonly Equivalent[] = [
  ...each(
    'settle.ts',
    'const isLast = isOurs || isLastAcquisition(connection, lease);',
    ['isOurs || isLastAcquisition(connection, lease) → (isLastAcquisition(connection, lease))'],
    'A lease that was just renewed or released is the last acquisition.',
  ),
  ...each(
    'settle.ts',
    'isDelayedDue: left.throttled || (left.delayedUtc !== null && left.delayedUtc <= now),',
    [
      'left.delayedUtc !== null && left.delayedUtc <= now → (left.delayedUtc !== null)',
      'left.delayedUtc !== null && left.delayedUtc <= now → (left.delayedUtc <= now)',
    ],
    'The index of delayed messages is then read although none is due.',
  ),
  ...each(
    'settle.ts',
    'const { nextDueInMs, throttled, drewIn } = isKnown ? dueNow : restOf(',
    ['isKnown → false'],
    slower,
  ),
  ...each(
    'settle.ts',
    'drewIn: false,',
    ['false → true'],
    'It is read only if a message is left, and then there is more, and one was claimed, either way.',
  ),
  ...each('outcomes.ts', 'if (done.length > 0) unmatched.push(', ['> → >='], nothingThere),
  ...each(
    'outcomes.ts',
    'if (done.length <= fewRows) return applyEachDone(',
    ['done.length <= fewRows → false', 'done.length <= fewRows → true', '<= → <'],
    'Both ways write the same; the number of outcomes decides which of them is faster.',
  ),
  ...each(
    'outcomes.ts',
    'if (!areAllClaimed(connection, table, done, claimed, order))',
    ['!areAllClaimed(connection, table, done, claimed, order) → true'],
    slower,
  ),
  ...each(
    'outcomes.ts',
    'if (claimed.keyed > 0) unblockBehindSettled(',
    ['claimed.keyed > 0 → true', '> → >='],
    nothingThere,
  ),
  ...each(
    'outcomes.ts',
    'if (done.some(({ messageId }) => messageId.includes(',
    ["done.some(({ messageId }) => messageId.includes('\\n')) → true"],
    slower,
  ),
  ...each('outcomes.ts', 'if (stored === null) return false;', ['stored === null → true'], slower),
  ...each(
    'outcomes.ts',
    "if (stored === lines.join('\\n')) return true;",
    ["stored === lines.join('\\n') → false", 'true → false'],
    slower,
  ),
  ...each(
    'outcomes.ts',
    'wanted.size === done.length && found.length === done.length',
    ['wanted.size === done.length && found.length === done.length → (found.length === done.length)'],
    'The lines found differ by their sequences, so as many of them as there are outcomes are all those wanted.',
  ),
  ...each(
    'outcomes.ts',
    'if (matched.length <= fewRows) for (const sequence of matched)',
    ['matched.length <= fewRows → false', 'matched.length <= fewRows → true', '<= → <'],
    'Both ways write the same; the number of rows decides which of them is faster.',
  ),
  ...each(
    'outcomes.ts',
    'else if (claimed.size === 0) connection.run(',
    ['claimed.size === 0 → false'],
    slower,
  ),
  ...each(
    'claim.ts',
    "withRoom.has(sequence) || rooms.of(topic, source ?? '') === undefined",
    ["source ?? '' → (source)"],
    'No room is for the source null, so the one for every source is found.',
  ),
  ...each(
    'claim.ts',
    '{ solo, together = 1 }: ClaimOrder,',
    ['1 → 0'],
    'It is asked with one message taken, and allows no other either way.',
  ),
  ...each('claim.ts', 'isDueLeft = !candidate.follows;', ['isDueLeft = !candidate.follows; → ;'], slower),
  ...each(
    'claim.ts',
    'if (left > 0 && first!.turn < turn) left -= ',
    [
      'left > 0 && first!.turn < turn → true',
      'left > 0 && first!.turn < turn → (left > 0)',
      'left > 0 && first!.turn < turn → (first!.turn < turn)',
      '> → >=',
      '< → <=',
    ],
    nothingThere,
  ),
  ...each(
    'claim.ts',
    'if (left > 0) left -= connection.run(at,',
    ['left > 0 → true', '> → >='],
    nothingThere,
  ),
  ...each(
    'claim.ts',
    'if (left !== 0) throw new Error(',
    [
      'left !== 0 → false',
      `throw new Error(\`a claim of \${due.length} due messages left \${left} of them Ready\`); → ;`,
    ],
    'No test can bring about what it guards against: that the two ways of reading the due messages differ.',
  ),
  ...each(
    'candidates.ts',
    'const expected = order.limit + 1;',
    ['+ → -', '1 → 0'],
    'The rows behind those expected are read by further statements.',
  ),
  ...each(
    'candidates.ts',
    'const bytes = (count: number) => Math.floor(order.maxBytes / count);',
    ['/ → *'],
    'The rows that are read at once then only take more memory.',
  ),
  ...each('candidates.ts', 'const row = lacksContent(read) ? ', ['lacksContent(read) → true'], slower),
  ...each(
    'candidates.ts',
    'const { now, together = 1 } = this.#order;',
    ['1 → 0'],
    'It is only compared with numbers greater than 1.',
  ),
  ...each(
    'candidates.ts',
    'if (message.recovered && !(before.message.recovered && together > 1)) {',
    ['before.message.recovered && together > 1 → (before.message.recovered)', '> → >=', '1 → 0'],
    'With one recovered message at a time the claim ends at the second, and says that there is more.',
  ),
  ...each('candidates.ts', 'return this.#misplaced.length > 0;', ['> → >='], slower),
  ...each('begin.ts', 'row.Parked === 1', ['row.Parked === 1 → true'], slower),
  ...each('begin.ts', 'const counts = isEmpty ? ', ['isEmpty → false'], slower),
  ...each('begin.ts', 'if (left.isAhead) drawInDueTimes(', ['left.isAhead → true'], nothingThere),
  ...each(
    'begin.ts',
    'isDelayedDue: left.throttled || (left.delayedUtc !== null && left.delayedUtc <= now),',
    [
      'left.delayedUtc !== null && left.delayedUtc <= now → (left.delayedUtc !== null)',
      'left.delayedUtc !== null && left.delayedUtc <= now → (left.delayedUtc <= now)',
    ],
    'The index of delayed messages is then read although none is due.',
  ),
  ...each('act.ts', "case 'discard':", ["'discard' → ''"], 'The statement needs no values but the sequence.'),
  ...each(
    'act.ts',
    "if (request.do === 'replay') blockMessages(",
    ["request.do === 'replay' → true"],
    'The heads are unblocked again right after, or throttled again by the next claim.',
  ),
  ...each(
    'act.ts',
    'if (key !== null) unblockHeads(connection, table, [key]);',
    ['key !== null → true'],
    'A group’s head is unblocked already, unless the group was changed.',
  ),
  ...each(
    'commits.ts',
    'awaited.isSettled = true;',
    ['awaited.isSettled = true; → ;', 'true → false'],
    'The transaction is then looked for until it ends; its answer was given before and stays.',
  ),
  ...each(
    'commits.ts',
    'for (let lastedMs = 0; !awaited.isSettled; ) {',
    ['0 → 1'],
    'The first pause is the shortest one either way.',
  ),
  ...each(
    'commits.ts',
    'lastedMs += waitMs;',
    ['lastedMs += waitMs; → ;', '+= → -='],
    'The pauses then only stay short.',
  ),
  ...each('counts.ts', 'row.Throttles === 1 ? ', ['row.Throttles === 1 → true'], slower),
  ...each('counts.ts', 'row.Groups === 1 ? ', ['row.Groups === 1 → true'], slower),
  ...each('counts.ts', 'row.Parks === 1 ? ', ['row.Parks === 1 → true'], slower),
  ...each(
    'counts.ts',
    'oldestDueAgeMs: first.length === 0 ? null : now - Math.min(...first),',
    ['first.length === 0 → false'],
    'A negative age, also an infinite one, means that no message is due.',
  ),
  ...each(
    'enqueue.ts',
    "function assertTrimmed({ topic, source = '', hash = '' }: NewMessage): void {",
    ["'' → 'x'"],
    'It neither begins nor ends with a blank.',
  ),
  ...each(
    'enqueue.ts',
    'Headers: headers && JSON.stringify(headers),',
    ['headers && JSON.stringify(headers) → (JSON.stringify(headers))'],
    'JSON.stringify(undefined) is undefined.',
  ),
  ...each('find.ts', 'LIMIT :limit + 0`,', [' +  →  - '], notLookedAt),
  ...each('due-rows.ts', 'ORDER BY DueUtc, Sequence LIMIT ? + 0 OFFSET ?`,', [' +  →  - '], notLookedAt),
  ...each('due-times.ts', '.utc}, Sequence LIMIT ? + 0`,', [' +  →  - '], notLookedAt),
  ...each('parked.ts', 'ORDER BY DueUtc, Sequence LIMIT ? + 0)`,', [' +  →  - '], notLookedAt),
  ...each(
    'find.ts',
    'end: next?.sequence ?? (descends ? 0 : lastSequence),',
    ['0 → 1'],
    'The least sequence is 1.',
  ),
  ...each(
    'find.ts',
    "messageRecord(connection, table, row, 'summary')",
    ["'summary' → ''"],
    'Whatever is not `all` is a summary.',
  ),
  ...each(
    'throttle.ts',
    'const areThrottledLeft = order.throttled && putBack(',
    [
      'order.throttled && putBack(connection, table, new Rooms(rooms), order) → (putBack(connection, table, new Rooms(rooms), order))',
    ],
    nothingThere,
  ),
  ...each('throttle.ts', 'if (rooms.length === 0) return ', ['rooms.length === 0 → false'], slower),
  ...each(
    'throttle.ts',
    'oldestOf(connection, table, stored, count, oldest[count - 1]);',
    ['- → +', '1 → 0'],
    'Later rows are then read too, and cut off.',
  ),
  ...each(
    'throttle.ts',
    'if (latest !== undefined && byDueTime(latest, message) < 0) break;',
    ['latest !== undefined && byDueTime(latest, message) < 0 → false', '< → <=', '0 → 1', 'break; → ;'],
    'Later rows are then read too, and cut off.',
  ),
  ...each(
    'purge.ts',
    'if (oldestDoneUtc >= before) return 0;',
    ['oldestDoneUtc >= before → false', '>= → >'],
    nothingThere,
  ),
  ...each(
    'purge.ts',
    'if (retention === undefined || retention.limit <= 0 || oldestDoneUtc === null) return 0;',
    [
      'retention === undefined || retention.limit <= 0 || oldestDoneUtc === null → (retention === undefined || retention.limit <= 0)',
    ],
    nothingThere,
  ),
  ...each('rest.ts', 'if (drewIn) drawInDueTimes(', ['drewIn → true'], nothingThere),
  ...each(
    'rest.ts',
    'const { throttled, isAhead, promptUtc, delayedUtc } = drewIn ? ',
    ['drewIn → true'],
    slower,
  ),
  {
    file: 'src/engine/sqlite/queue/candidates.ts',
    line: 'if (message.orderingKey === null || next === null) return;',
    mutant: 'message.orderingKey === null || next === null → (next === null)',
    why: 'Without a key there is no next message; that of a row whose key cannot be read is blocked, and stays so.',
  },
  {
    file: 'src/engine/sqlite/queue/candidates.ts',
    line: 'turn: dueMsOf(row), follows: false, next: row[16] };',
    mutant: 'false → true',
    why: 'The messages are then claimed one by one, and what is left is read again, which is only slower.',
  },
  {
    file: 'src/engine/sqlite/queue/candidates.ts',
    line: 'one.turn === other.turn && one.sequence < other.sequence',
    mutant: '< → <=',
    why: 'No two candidates have the same sequence.',
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
    line: 'if (done.length > 0) unmatched.push(',
    mutant: 'done.length > 0 → true',
    why: 'The statements then write nothing, which is only slower.',
  },
  {
    file: 'src/engine/sqlite/queue/parked.ts',
    line: 'if (left > 0) left -= ',
    mutant: 'left > 0 → true',
    why: 'With a limit of 0 the statement writes nothing.',
  },
  {
    file: 'src/engine/sqlite/queue/parked.ts',
    line: 'if (left > 0) left -= ',
    mutant: '> → >=',
    why: 'With a limit of 0 the statement writes nothing.',
  },
  ...[
    'MessageId',
    'Topic',
    'CorrelationId',
    'OrderingKey',
    'EnqueuedUtc',
    'DueUtc',
    'Attempts',
    'Parks',
    'Source',
    'ClaimFence',
    'ReplayCount',
    'SettledUtc',
  ].map((column) => ({
    file: 'src/engine/sqlite/queue/records.ts',
    line: 'readableOr(() => ',
    mutant: `'${column}' → ''`,
    why: 'Only a reason names the column, and the reason of this value is not kept.',
  })),
  {
    file: 'src/engine/sqlite/queue/records.ts',
    line: 'if (mayNotBeUtf8(row)) assertUtf8(connection, table, row, ',
    mutant: 'mayNotBeUtf8(row) → true',
    why: 'The texts of every row are then compared, which is only slower.',
  },
  {
    file: 'src/engine/sqlite/queue/throttle.ts',
    line: 'rows.return?.();',
    mutant: '?. → nothing',
    why: 'The iterators of node:sqlite have this method.',
  },
  {
    file: 'src/engine/sqlite/queue/throttle.ts',
    line: 'if (sequences.length > 0) connection.run(',
    mutant: 'sequences.length > 0 → true',
    why: 'The statement then writes nothing.',
  },
  {
    file: 'src/engine/sqlite/queue/throttle.ts',
    line: 'if (sequences.length > 0) connection.run(',
    mutant: '> → >=',
    why: 'The statement then writes nothing.',
  },
  {
    file: 'src/engine/sqlite/queue/transact.ts',
    line: "onDead: 'block',",
    mutant: "'block' → ''",
    why: 'Only Dead outcomes read it.',
  },
];
