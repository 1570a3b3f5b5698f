/**
 * Seeds whose histories once failed, each with what was wrong. They run with every test run. A change of the simulator
 * changes the histories of all seeds, so each of these mistakes is also a mutation, whose seed of today `npm run simulation:mutations`
 * tells, or has a test of its own. The seeds of mutations/measured.json run with every test run as well.
 */
export const corpus: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 1,
    found:
      'messages that had become Dead before the clock was set back were neither listed nor replayed (Q13, Q16)',
  },
  {
    seed: 564314366,
    found:
      'the report of a run that one queue kept busy put off the due time that other runs of the tenant had reported of the other queue (F5, Q11)',
  },
  {
    seed: 17,
    found:
      'a fault of the model: a handler that returned at once in a process that had frozen in the same turn was excused from no repeat, and the next message of a key could not start once the last attempt of the first had failed and onDead is continue',
  },
  {
    seed: 1653,
    found:
      'an application whose tenant was retired after it had stored messages in its transaction woke the tenant before the commit, and not again (F7)',
  },
];
