import path from 'node:path';
import { type Command, Option } from 'commander';
import { UsageError } from '../errors.ts';
import { databases, hosts, type ProjectKind, projectFiles } from '../init/files.ts';
import { writeNewFiles } from '../init/write-files.ts';
import type { Runner } from '../runner.ts';

interface InitOptions {
  readonly database?: ProjectKind['database'];
  readonly host: ProjectKind['host'];
}

export function initCommand(program: Command, run: Runner): void {
  program
    .command('init')
    .description('make a project with a handler, its tests, and a program that enqueues; overwrites nothing')
    .argument('[folder]', 'folder of the project; it is made if it is missing', '.')
    .addOption(
      new Option(
        '--database <kind>',
        'where the tenants have their outboxes (default: sqlite; with --host azure sqlserver)',
      ).choices(databases),
    )
    .addOption(
      new Option('--host <kind>', 'local: the command `multi-outbox run`; azure: a function app of your own')
        .choices(hosts)
        .default('local'),
    )
    .action((folder: string, options: InitOptions, command: Command) =>
      run(command, async (session) => {
        const kind = kindOf(options);
        const files = projectFiles(projectName(folder), kind);
        writeNewFiles(folder, files);
        await session.show({ folder: path.resolve(folder), ...kind, files: [...files.keys()].sort() }, () =>
          [
            `Made a project in ${path.resolve(folder)}: ${files.size} files.`,
            `Next: ${folder === '.' ? '' : `cd ${folder} && `}npm install && npm test. Its README.md goes on from there.`,
          ].join('\n'),
        );
      }),
    );
}

function kindOf({ database, host }: InitOptions): ProjectKind {
  if (host === 'azure' && database === 'sqlite') {
    throw new UsageError(
      '--host azure needs --database sqlserver: the instances of a function app share no files.',
    );
  }
  return { host, database: database ?? (host === 'azure' ? 'sqlserver' : 'sqlite') };
}

/** The folder's name, as npm accepts names. */
function projectName(folder: string): string {
  const name = path
    .basename(path.resolve(folder))
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 200);
  return name === '' || name === 'multi-outbox' ? 'my-outbox' : name;
}
