import { findFiles, literalText, readTopFile, variableEntries } from './bicep-text.ts';

/** Azure's built-in roles: the same GUIDs in every directory, as its documentation of built-in roles lists them. */
const builtIn: Readonly<Record<string, string>> = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb',
  logAnalyticsReader: '73c42c96-874c-492b-b04d-ab87d138a893',
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6',
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
};

const guid = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;
const withRoles = ['infra/modules/roles.bicep', 'infra/modules/key-vault.bicep'];

describe('role assignments of infra (text of the modules)', () => {
  test.each(withRoles)('%s names built-in roles by their GUIDs', (file) => {
    const roles = variableEntries(readTopFile(file), 'roles');
    expect(roles.size).toBeGreaterThan(0);
    for (const [name, value] of roles) expect([name, literalText(value)]).toEqual([name, builtIn[name]]);
  });

  test('every role is used, and no GUID stands anywhere else', () => {
    for (const file of findFiles('infra/**/*.{bicep,bicepparam}')) {
      const text = readTopFile(file);
      if (!withRoles.includes(file)) expect([file, text.match(guid)]).toEqual([file, null]);
      else {
        for (const name of variableEntries(text, 'roles').keys()) expect(text).toContain(`roles.${name}`);
      }
    }
  });

  test('rights are given on a resource, never on a resource group or more', () => {
    for (const file of findFiles('infra/**/*.bicep')) {
      const text = readTopFile(file);
      const assignments = text.match(/'Microsoft\.Authorization\/roleAssignments@/g)?.length ?? 0;
      const scopes = text.match(/^ *scope: (?:storage|applicationInsights|workspace|vault)$/gm)?.length ?? 0;
      if (withRoles.includes(file)) expect(assignments).toBeGreaterThan(0);
      if (assignments > 0) expect([file, scopes]).toEqual([file, assignments]);
    }
  });

  test.each(Object.keys(builtIn))('docs/azure.md explains the purpose of %s', (name) => {
    const words = name
      .replace(/[A-Z]/g, (letter) => ` ${letter}`)
      .replace(/^./, (letter) => letter.toUpperCase());
    expect(readTopFile('docs/azure.md')).toContain(words);
  });
});
