import type { Equivalent } from './equivalent.ts';

export const queueEquivalents: readonly Equivalent[] = [
  {
    file: 'src/queue/attempt-transaction.ts',
    line: "this.#state = 'rolled-back';",
    mutant: "'rolled-back' → ''",
    why: 'The state is compared only with the other three.',
  },
  {
    file: 'src/queue/handler-set.ts',
    line: 'const isLimited = (handler: Handler) => (handler.concurrency ?? concurrency) < concurrency;',
    mutant: 'handler.concurrency ?? concurrency → (handler.concurrency)',
    why: 'undefined is not less than any number.',
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
    file: 'src/queue/message.ts',
    line: 'if (3 * texts.reduce((sum, { length }) => sum + length, 0) <= contentBytes) return;',
    mutant: '3 → (2 * 3)',
    why: 'The bytes of more messages are then counted, which is only slower.',
  },
  {
    file: 'src/queue/message.ts',
    line: 'if (3 * texts.reduce((sum, { length }) => sum + length, 0) <= contentBytes) return;',
    mutant: '3 * texts.reduce((sum, { length }) => sum + length, 0) <= contentBytes → false',
    why: 'The bytes of every message are then counted, which is only slower.',
  },
  {
    file: 'src/queue/message.ts',
    line: 'if (3 * texts.reduce((sum, { length }) => sum + length, 0) <= contentBytes) return;',
    mutant: '<= → <',
    why: 'The bytes are then counted for one length more, which is only slower.',
  },
  {
    file: 'src/queue/run.ts',
    line: 'const logsHandlerText = options.logsHandlerText ?? false;',
    mutant: 'options.logsHandlerText ?? false → (options.logsHandlerText)',
    why: 'An undefined one counts like false.',
  },
  {
    file: 'src/queue/run.ts',
    line: 'if (answer.more) await immediate();',
    mutant: 'answer.more → true',
    why: 'The run then lets other work go first once more, which changes nothing that it does.',
  },
  {
    file: 'src/queue/run.ts',
    line: "this.#on({ kind: 'error', reason: error });",
    mutant: "'error' → ''",
    why: "A kind that the phases do not know leads to 'stopping' as well, and the report takes its reason from elsewhere.",
  },
  {
    file: 'src/queue/waiting.ts',
    line: 'if (chosen.head * 2 >= chosen.entries.length) {',
    mutant: '>= → >',
    why: 'What has left is forgotten one message later.',
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
    file: 'src/queue/failures.ts',
    line: "if (outcome.kind === 'dead') this.#dies(message, attempt, outcome.error);",
    mutant: "outcome.kind === 'dead' → true",
    why: 'Only a Dead outcome reads what this stores, and stores it anew.',
  },
  {
    file: 'src/queue/lossy-value.ts',
    line: 'return parent?.parent === undefined ?',
    mutant: '?. → .',
    why: 'Only parts below the payload have a path, and each has a parent.',
  },
];
