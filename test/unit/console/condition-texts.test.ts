/** S4: a search for messages in words. */
import { conditionTexts } from '../../../src/console/page/parts/condition-texts.ts';

test('S4: each condition has its verb, and can follow "whose"', () => {
  expect(conditionTexts({ topic: 'invoices', errorText: 'refused' })).toEqual([
    'topic is “invoices”',
    'error contains “refused”',
  ]);
  expect(conditionTexts({ orderingKey: 'k', dedupKey: 'd', correlationId: 'c', states: ['dead'] })).toEqual([
    'ordering key is “k”',
    'dedup key is “d”',
    'correlation id is “c”',
    'state is dead',
  ]);
  expect(conditionTexts({ olderThanMs: 3_600_000, messageIds: ['a', 'b'] })).toEqual([
    'time since its end is at least 1h',
    'id is a or b',
  ]);
});

test('S4: a condition that this page does not know is shown all the same', () => {
  expect(conditionTexts({ constructor: 'x', heldBy: 'y' })).toEqual(['constructor is “x”', 'heldBy is “y”']);
});
