import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Declarations, emitDeclarations, typeNames } from '../../support/declarations.ts';

const root = path.join(__dirname, '../../..');
const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-types-'));
beforeAll(() => emitDeclarations(folder));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The subpaths of the package that have types, with the file of each. */
const entries = Object.entries(
  JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).exports as Record<string, unknown>,
).flatMap(([subpath, target]) => {
  const [file] = /(?<=dist\/types\/)[^"]*\.d\.ts/.exec(JSON.stringify(target)) ?? [];
  return file === undefined ? [] : [[subpath, file] as const];
});

/** Types in an entry's signatures that a caller cannot name, because neither the entry nor `library` exports them. */
function unnameable(file: string, library: string): string[] {
  const declarations = new Declarations();
  const exported = declarations.exportsOf(file);
  const key = (declaration: { file: string; name: string }) => `${declaration.file}#${declaration.name}`;
  const nameable = new Set([...exported.values(), ...declarations.exportsOf(library).values()].map(key));
  return [...exported].flatMap(([name, declaration]) =>
    [...typeNames(declaration)].flatMap((type) => {
      const named = declarations.resolve(declaration.file, type);
      return named === undefined || nameable.has(key(named)) ? [] : [`${name} names ${type}`];
    }),
  );
}

test('the package has these entries', () => {
  expect(entries.map(([subpath]) => subpath).sort()).toEqual([
    '.',
    './console',
    './functions',
    './handlers',
    './sources',
    './testing',
  ]);
});

test.each(entries)(
  '%s: every type that its signatures name can be imported from it, or from multi-outbox',
  (_, file) => {
    const [[, library]] = entries.filter(([subpath]) => subpath === '.') as [(typeof entries)[number]];
    expect(unnameable(path.join(folder, file), path.join(folder, library))).toEqual([]);
  },
);

test('a type that a signature names without an export would be found', () => {
  const file = (name: string) => path.join(folder, `${name}.d.ts`);
  writeFileSync(
    file('hidden'),
    `export interface Hidden {}
     export declare class HiddenClass {}
     export interface Shown<T> { of: T }`,
  );
  writeFileSync(
    file('entry'),
    `import type { Hidden, HiddenClass as Renamed, Shown } from './hidden.js';
     interface Local<T> { readonly of: T }
     export type { Shown } from './hidden.js';
     export declare function direct(option: Hidden): void;
     export declare const inside: Promise<readonly Renamed[]>;
     export interface Base extends Local<string> {}
     export declare class Sub<Own> extends Renamed { method(given: Own, shown: Shown<Own>): Date; }
     export type Conditional<T> = T extends Shown<infer Inner> ? Inner : Local<T>;`,
  );
  expect(unnameable(file('entry'), file('entry'))).toEqual([
    'direct names Hidden',
    'inside names Renamed',
    'Base names Local',
    'Sub names Renamed',
    'Conditional names Local',
  ]);
  expect(unnameable(file('entry'), file('hidden'))).toEqual(['Base names Local', 'Conditional names Local']);
});
