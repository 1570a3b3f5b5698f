import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = 'sql';
const roleNames = ['producer', 'dispatcher', 'operator'] as const;

interface Procedure {
  /** The outbox's name; the inbox has the same procedures. */
  readonly name: string;
  readonly comment: string;
  readonly parameters: readonly string[];
  readonly roles: readonly string[];
}

/** Documents the procedures that a role may execute, by database. Internal procedures are left out. */
export function proceduresText(): string {
  return (['tenant', 'registry'] as const)
    .map((kind) => {
      const script = scriptOf(kind);
      const sections = proceduresOf(script)
        .filter(({ roles }) => roles.length > 0)
        .map(sectionOf);
      return [`## ${kind === 'tenant' ? "In a tenant's database" : 'In the registry'}`, '', ...sections].join(
        '\n',
      );
    })
    .join('\n');
}

/** The migration steps of one kind of database with their included files. The queue's files appear once, as the outbox. */
function scriptOf(kind: 'tenant' | 'registry'): string {
  const included = new Set<string>();
  const include = (file: string): string =>
    readFileSync(join(folder, file), 'utf8').replace(/^:r (\S+)$/gm, (_, part: string) => {
      if (included.has(part)) return '';
      included.add(part);
      return include(part);
    });
  const steps = readdirSync(join(folder, kind)).sort();
  return steps
    .map((step) => include(join(kind, step)))
    .join('\n')
    .replaceAll('$(Queue)', 'Outbox')
    .replaceAll('$(Schema)', 'messaging');
}

function proceduresOf(script: string): Procedure[] {
  // Leaves out the grants for Babelfish, where a role gets rights on internal procedures too.
  const grants = script.replace(/^IF SERVERPROPERTY\('Babelfish'\) = 1\nBEGIN\n.*?^END;$/gms, '');
  const pattern =
    /((?:^--.*\n)*)IF OBJECT_ID\(N'\[messaging\]\.\[(\w+)\]', N'P'\).*\nGO\n((?:^--.*\n)*)ALTER PROCEDURE \S+\n([\s\S]*?)^AS\b/gm;
  return [...script.matchAll(pattern)].map(([, before, name, after, parameters]) => ({
    name: name!,
    comment: `${before}${after}`.replace(/^-- ?/gm, '').trim(),
    parameters: [...parameters!.matchAll(/^ {2}(@[^\n]*?),?$/gm)].map(([, parameter]) => parameter!),
    roles: roleNames.filter((role) =>
      grants.includes(`GRANT EXECUTE ON [messaging].[${name}] TO [messaging_${role}];\n`),
    ),
  }));
}

function sectionOf({ name, comment, parameters, roles }: Procedure): string {
  const [text, example] = comment.split(/\n\n {2}/) as [string, string?];
  return [
    `### \`messaging.${name}\``,
    '',
    text,
    '',
    ...(example === undefined
      ? []
      : [`<!-- runs: ${name} -->`, '```sql', example.replaceAll(/^ {2}/gm, ''), '```', '']),
    ...(parameters.length === 0 ? [] : ['```', ...parameters, '```', '']),
    `For: ${roles.map((role) => `\`messaging_${role}\``).join(', ')}.`,
    '',
  ].join('\n');
}
