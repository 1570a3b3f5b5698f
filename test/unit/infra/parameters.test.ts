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
