import { parse } from 'yaml';
import { findFiles, parameters, readTopFile } from './bicep-text.ts';

const main = parameters(readTopFile('infra/main.bicep'));

test.each(findFiles('infra/**/*.bicep'))('%s describes each of its parameters', (file) => {
  const text = readTopFile(file);
  const found = parameters(text);
  expect(found.length).toBe(text.match(/^param /gm)?.length ?? 0);
  expect(found.filter(({ described }) => !described)).toEqual([]);
});

test('main.bicep describes each of its outputs', () => {
  const text = readTopFile('infra/main.bicep');
  expect(text.match(/^output /gm)!.length).toBe(text.match(/^@description\(.*\)\noutput /gm)!.length);
});

describe.each(findFiles('infra/*.bicepparam'))('%s', (file) => {
  const given = [...readTopFile(file).matchAll(/^param (\w+) = /gm)].map(([, name]) => name!);

  test('gives only existing parameters, once each', () => {
    const known = new Set(main.map(({ name }) => name));
    expect(given.filter((name) => !known.has(name))).toEqual([]);
    expect(new Set(given).size).toBe(given.length);
  });

  test('gives every parameter that has no default', () => {
    const missing = main.filter(({ name, optional }) => !optional && !given.includes(name));
    expect(missing).toEqual([]);
  });
});

test('azd finds its parameter file and its app', () => {
  const azureYaml = readTopFile('azure.yaml');
  const [, module] = /^ {2}module: (\S+)$/m.exec(azureYaml) ?? [];
  const [, service] = /^services:\n(?: *#.*\n)* {2}(\w+):$/m.exec(azureYaml) ?? [];
  expect(findFiles('infra/*.bicepparam')).toContain(`infra/${module}.bicepparam`);
  expect(readTopFile('infra/main.bicep')).toContain(`serviceName: '${service}'`);
});

test('azure.yaml names the azd versions that it works with', () => {
  expect(parse(readTopFile('azure.yaml')).requiredVersions).toEqual({ azd: '>= 1.23.12' });
});

test('bicepconfig.json makes every rule of the linter an error, but the one that depends on the day', () => {
  const text = readTopFile('infra/bicepconfig.json').replaceAll(/^ *\/\/.*$/gm, '');
  const rules = JSON.parse(text).analyzers.core.rules as Record<string, { level: string }>;
  expect(Object.keys(rules).length).toBeGreaterThan(40);
  const others = Object.entries(rules).filter(([, { level }]) => level !== 'error');
  expect(others).toEqual([['use-recent-api-versions', { level: 'warning' }]]);
});

test('a rule is switched off only for diagnostic settings, whose newer versions are older', () => {
  for (const file of findFiles('infra/**/*.{bicep,bicepparam}')) {
    const off = readTopFile(file).match(/^#disable.*\n.*$/gm) ?? [];
    const expected =
      /^#disable-next-line use-recent-api-versions \/\/ .+\nresource \w+ 'Microsoft\.Insights\/diagnosticSettings@/;
    expect([file, off.filter((lines) => !expected.test(lines))]).toEqual([file, []]);
  }
});

test('the workflow for pull requests lints, compiles and asks Azure by OIDC (text of the workflow, which has not run)', () => {
  const { jobs } = parse(readTopFile('.github/workflows/infra.yml'));
  const runs = JSON.stringify(jobs.bicep.steps);
  for (const command of ['az bicep lint', 'az bicep build-params', 'az bicep format'])
    expect(runs).toContain(command);
  expect(JSON.stringify(jobs['what-if'].steps)).toContain('az deployment sub what-if');
  expect(Object.keys(jobs['what-if'].steps[1].with)).toEqual(['client-id', 'tenant-id', 'subscription-id']);
  const read = readTopFile('infra/main.prod.bicepparam').matchAll(/readEnvironmentVariable\('(\w+)'/g);
  expect(Object.keys(jobs['what-if'].env).sort()).toEqual([...read].map(([, name]) => name!).sort());
});

test('docs/azure-deployment.md, Production: names each variable of main.prod.bicepparam that azd does not set', () => {
  const [, section] = /^## Production\n(.*?)^## /ms.exec(readTopFile('docs/azure-deployment.md'))!;
  const read = readTopFile('infra/main.prod.bicepparam').matchAll(/readEnvironmentVariable\('(\w+)'/g);
  const names = [...read].map(([, name]) => name!).filter((name) => !name.startsWith('AZURE_'));
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => !section!.includes(`\`${name}\``))).toEqual([]);
});

test('each function that is scaled by itself can be kept ready, and no other', () => {
  const functions = findFiles('functions/*.ts').flatMap((file) =>
    [...readTopFile(file).matchAll(/\b(?:app\.(?:timer|storageQueue)|register)\('([\w-]+)'/g)].map(
      ([, name]) => `function:${name}`,
    ),
  );
  expect(functions).toContain('function:wake-poison');
  const [, names] = /type alwaysReadyInstances = \{.*?^ {2}name:(.*?)\n\n/ms.exec(
    readTopFile('infra/modules/types.bicep'),
  )!;
  const allowed = [...names!.matchAll(/'([^']+)'/g)].map(([, name]) => name!);
  expect(allowed.sort()).toEqual(['http', ...functions].sort());
});
