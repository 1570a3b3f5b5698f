/**
 * The commands of the Azure CLI and of azd in the documents. A command or an option that is not in the tables is
 * to be looked up in their references before it is added.
 * https://learn.microsoft.com/cli/azure/reference-index and https://learn.microsoft.com/azure/developer/azure-developer-cli/reference
 */
import { blocksOf, documents } from '../../support/documents.ts';

const everywhere = ['--output', '--query'];
const known: Readonly<Record<string, readonly string[]>> = {
  'az account show': [],
  'az ad app create': ['--display-name', '--sign-in-audience', '--requested-access-token-version'],
  'az ad app delete': ['--id'],
  'az ad app show': ['--id'],
  'az ad app update': ['--id', '--identifier-uris', '--requested-access-token-version'],
  'az ad signed-in-user show': [],
  'az ad sp create': ['--id'],
  'az consumption budget delete': ['--budget-name', '--resource-group'],
  'az deployment sub create': ['--name', '--location', '--parameters'],
  'az deployment sub delete': ['--name'],
  'az deployment sub show': ['--name'],
  'az functionapp deployment source config-zip': ['--name', '--resource-group', '--src'],
  'az functionapp keys list': ['--name', '--resource-group'],
  'az functionapp list-flexconsumption-locations': [],
  'az group create': ['--location', '--name'],
  'az group delete': ['--name', '--yes'],
  'az group exists': ['--name'],
  'az keyvault list-deleted': ['--resource-type'],
  'az keyvault purge': ['--location', '--name'],
  'az keyvault recover': ['--location', '--name', '--resource-group'],
  'az keyvault secret set': ['--name', '--value', '--vault-name'],
  'az login': [],
  'az monitor log-analytics query': ['--analytics-query', '--workspace'],
  'az monitor log-analytics workspace delete': ['--force', '--resource-group', '--workspace-name', '--yes'],
  'az monitor log-analytics workspace list-deleted-workspaces': [],
  'az provider register': ['--namespace', '--wait'],
  'az rest': ['--method', '--url'],
  'az role assignment delete': ['--assignee'],
  'az role assignment list': ['--all'],
  'az sql db create': [
    ...['--auto-pause-delay', '--backup-storage-redundancy', '--capacity', '--compute-model', '--edition'],
    ...['--family', '--name', '--resource-group', '--server'],
  ],
  'az sql server ad-admin create': ['--display-name', '--object-id', '--resource-group', '--server-name'],
  'az storage message clear': ['--account-name', '--auth-mode', '--queue-name'],
  'azd auth login': [],
  'azd deploy': [],
  'azd down': ['--purge'],
  'azd env get-values': [],
  'azd env new': ['--location', '--subscription'],
  'azd env remove': [],
  'azd env set': [],
  'azd provision': [],
  'azd up': [],
};

const names = Object.keys(known).sort((a, b) => b.length - a.length);

/** The commands of a block, each on one line and without comments; those in `$(…)` or `(…)` are commands of their own. */
function commands(code: string): string[] {
  const lines = code.replaceAll(/[\\`]\n/g, ' ').split('\n');
  return lines
    .map((line) => line.replace(/(^|\s)# .*$/, ''))
    .flatMap((line) => {
      const inner = [...line.matchAll(/\((azd? [^)]*)\)/g)].map(([, command]) => command!);
      return [line.replaceAll(/\$?\(azd? [^)]*\)/g, 'VALUE').trim(), ...inner];
    })
    .map((line) => line.replace(/^\$?\w+ ?= ?/, ''))
    .filter((line) => /^azd? /.test(line));
}

const azure = documents.filter((document) => /^(docs|examples)\/azure/.test(document));
const blocks = azure.flatMap(blocksOf).filter(({ language }) => language === 'sh' || language === 'pwsh');

test('every command of az and azd was looked up, and so was each of its options', () => {
  const found = blocks.flatMap(({ code }) => commands(code));
  expect(found.length).toBeGreaterThan(50);
  const unknown = found.flatMap((command) => {
    const name = names.find((start) => `${command} `.startsWith(`${start} `));
    if (name === undefined) return [command];
    const options = command.replaceAll(/"[^"]*"|'[^']*'/g, 'VALUE').match(/(?<=\s)--[\w-]+/g) ?? [];
    return options
      .filter((option) => ![...known[name]!, ...everywhere].includes(option))
      .map((option) => `${name}: ${option}`);
  });
  expect(unknown).toEqual([]);
});

test('no command is listed that the documents do not use', () => {
  const found = blocks.flatMap(({ code }) => commands(code));
  expect(names.filter((name) => !found.some((command) => `${command} `.startsWith(`${name} `)))).toEqual([]);
});

test('a block of the walk-through with a variable of the shell has a twin for PowerShell', () => {
  const walk = blocksOf('docs/azure-deployment.md');
  const alone = walk.filter(
    ({ language, code }, index) =>
      language === 'sh' && /\$\w|\$\(|\\\n|\.sh\b/.test(code) && walk[index + 1]?.language !== 'pwsh',
  );
  expect(alone.map(({ line }) => line)).toEqual([]);
});

test('a block for PowerShell has the commands of the block for the shell before it, and none of its syntax', () => {
  const walk = blocksOf('docs/azure-deployment.md').filter(({ language }) =>
    ['sh', 'pwsh'].includes(language),
  );
  const twins = walk.filter(({ language }) => language === 'pwsh');
  expect(twins.length).toBeGreaterThan(4);
  for (const twin of twins) {
    const before = walk[walk.indexOf(twin) - 1]!;
    const called = ({ code }: { code: string }) =>
      commands(code)
        .map((command) => names.find((name) => `${command} `.startsWith(`${name} `)))
        // environment.ps1 reads azd's values.
        .filter((name) => name !== 'azd env get-values' || /^azd env get-values$/m.test(code));
    expect([twin.line, before.language, called(twin)]).toEqual([twin.line, 'sh', called(before)]);
    expect([twin.line, twin.code.match(/\\\n|\bexport\b|\beval\b|\bdone\b|\$[A-Z]/)]).toEqual([
      twin.line,
      null,
    ]);
  }
});
