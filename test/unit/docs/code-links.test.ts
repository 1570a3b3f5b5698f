import { linkedNames, linkedRows, readSource, undefinedNames } from '../../support/code-links.ts';

test('docs/journey.md: each step is a function of its file, from enqueue to the end of Done and Dead', () => {
  const steps = linkedRows(readSource('docs/journey.md'));
  expect(steps.map(({ number }) => number)).toEqual(steps.map((_, index) => index + 1));
  expect(steps[0]).toMatchObject({ file: 'src/outbox/outbox.ts', name: 'enqueue' });
  for (const name of ['claim', 'applyOutcomes', 'findMessages', 'act', 'purge'])
    expect(steps.map((step) => step.name)).toContain(name);
  expect(undefinedNames(steps)).toEqual([]);
});

test('CONTRIBUTING.md: each name of its recipes is defined in the file that it links to', () => {
  const names = linkedNames(readSource('CONTRIBUTING.md'));
  expect(names.length).toBeGreaterThan(20);
  expect(undefinedNames(names)).toEqual([]);
});

test('a name that its file does not define would be found, and so would a missing file', () => {
  const missing = [
    { file: 'src/queue/run.ts', name: 'runQueues' },
    { file: 'src/queue/no-such-file.ts', name: 'runQueue' },
  ];
  expect(undefinedNames([{ file: 'src/queue/run.ts', name: 'runQueue' }, ...missing])).toHaveLength(2);
});
