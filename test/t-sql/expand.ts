/** `node expand.ts` prints the expanded batches of both kinds of database, as JSON, for Program.cs. */
import { splitBatches } from '../../src/engine/sqlserver/migrations/script.ts';
import { migrationsOf } from '../../src/engine/sqlserver/migrations/steps.ts';

const databases = (['registry', 'tenant'] as const).map((kind) => ({
  kind,
  steps: migrationsOf(kind).map(({ version, name, text }) => ({
    name: `${version} ${name}`,
    batches: splitBatches(text.replaceAll('$(Schema)', 'messaging')),
  })),
}));
console.log(JSON.stringify(databases));
