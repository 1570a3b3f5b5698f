/**
 * `npm run simulation` runs histories of the simulator. Exit codes: 0 every promise was kept; 1 one was broken; 2 wrong
 * usage. docs/proof.md says what the simulator is for.
 */
import { enableCompileCache, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { mutations } from './mutations/list.ts';
import { mutated } from './mutations/mutation.ts';

// Most of a short call's time is the loading of modules.
enableCompileCache();
const ownSqlite = new URL('./machine/sqlite.ts', import.meta.url).href;
const name = process.argv.at(process.argv.indexOf('--mutation') + 1);
const mutation = process.argv.includes('--mutation')
  ? mutations.find((each) => each.name === name)
  : undefined;
const mutatedUrl = mutation && new URL(`../../src/${mutation.file}`, import.meta.url).href;

// Before any module of src is loaded: they get the simulator's SQLite, and one of them perhaps a mistake.
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'node:sqlite' ? { url: ownSqlite, shortCircuit: true } : next(specifier, context),
  load: (url, context, next) => {
    const loaded = next(url, context);
    return url === mutatedUrl ? { ...loaded, source: mutated(mutation!, fileURLToPath(url)) } : loaded;
  },
});
const { run } = await import('./command.ts');
process.exitCode = await run();
