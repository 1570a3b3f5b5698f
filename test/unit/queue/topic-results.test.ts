import { TopicResults } from '../../../src/queue/topic-results.ts';

test('S1: senders that invent sources do not fill the memory; what fails is kept longest', () => {
  const results = new TopicResults();
  results.failed({ topic: 'paid', source: 'first' }, '1', 'Error');
  for (let sender = 0; sender < 1_500; sender++) results.succeeded('paid', `sender ${sender}`);
  expect(results.succeededTopics).toHaveLength(999);
  expect(results.failing).toMatchObject([{ topic: 'paid', source: 'first' }]);
  for (let sender = 0; sender < 1_500; sender++)
    results.failed({ topic: 'refunded', source: `sender ${sender}` }, '1', 'Error');
  expect(results.succeededTopics).toEqual([]);
});

test('S1: a topic of the application is another than that of a source', () => {
  const results = new TopicResults();
  results.succeeded('paid', null);
  results.succeeded('paid', '');
  results.failed({ topic: 'paid', source: 'bank' }, '1', 'Error');
  expect(results.succeededTopics).toEqual([
    { topic: 'paid', source: null },
    { topic: 'paid', source: '' },
  ]);
});

test('S1: a failing topic has its number of failures since its last success, and its last failure', () => {
  const results = new TopicResults();
  const paid = { topic: 'paid', source: null };
  results.failed(paid, '1', 'first');
  expect(results.failing).toMatchObject([
    { ...paid, failures: 1, isNew: false, messageId: '1', error: 'first' },
  ]);
  results.succeeded('paid', null);
  expect(results.failing).toEqual([]);
  results.failed(paid, '2', 'second');
  results.failed(paid, '3', 'third');
  expect(results.failing).toMatchObject([
    { ...paid, failures: 2, isNew: true, messageId: '3', error: 'third' },
  ]);
});
