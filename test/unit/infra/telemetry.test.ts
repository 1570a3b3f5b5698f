import { findFiles, readTopFile } from './bicep-text.ts';

const sources = findFiles('{src,functions}/**/*.ts').map(readTopFile).join('\n');

const asked = ['infra/modules/alerts.bicep', 'infra/workbook/fleet.json'].map((file) => [
  file,
  readTopFile(file),
]);

test.each(asked)('%s asks for metrics that the code records (text of the file)', (_file, text) => {
  const names = new Set(text!.match(/multi_outbox\.[a-z_.]+/g));
  expect(names.size).toBeGreaterThan(1);
  const unrecorded = [...names].filter((name) => !sources.includes(`'${name}'`));
  expect(unrecorded).toEqual([]);
});

test('the workbook is JSON, and asks the workspace it is deployed with (text of the module)', () => {
  const workbook = JSON.parse(readTopFile('infra/workbook/fleet.json'));
  const queries = workbook.items.filter(({ type }: { type: number }) => type === 3);
  expect(queries.length).toBeGreaterThan(5);
  for (const { content } of queries) expect(content.crossComponentResources).toEqual(['{workspaceId}']);
  expect(readTopFile('infra/modules/workbook.bicep')).toContain("'{workspaceId}', workspaceId)");
});

test.each(['no-plan', 'oldest-due-age', 'dead-messages', 'lost-outcomes', 'poison', 'failure-streak'])(
  'there is an alert %s, and docs/azure.md says what to do about it (text of alerts.bicep)',
  (name) => {
    expect(readTopFile('infra/modules/alerts.bicep')).toContain(`name: '${name}'`);
    expect(readTopFile('docs/azure.md')).toContain(`\`${name}\``);
  },
);
