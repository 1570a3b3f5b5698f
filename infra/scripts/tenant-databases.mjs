// `node tenant-databases.mjs FILE.csv` prints the databases that the tenants of a file sign in to with the app's identity, as
// `tenants import` reads the file: one a line, as id, server, database and schema, separated by tabs. A tenant with an
// auth-setting signs in otherwise and is left out, as is a row that `tenants import` refuses. Exit code 2: the file cannot be used.
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';

const [file] = process.argv.slice(2);
try {
  const rows = parse(readFileSync(file), {
    columns: (names) => names.map((name) => name.trim().toLowerCase()),
    bom: true,
    trim: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
  });
  if (rows[0]?.id === undefined || rows[0].server === undefined) {
    throw new Error("The file needs a row for each tenant, below a first line with at least 'id,server'.");
  }
  for (const { id, server, database, schema, 'auth-setting': setting } of rows) {
    const line = [id, server, database || id, schema || 'messaging'];
    const refused = id === '' || line.some((text) => /\p{Cc}/u.test(text));
    if (!refused && server !== '' && !setting) process.stdout.write(`${line.join('\t')}\n`);
  }
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
