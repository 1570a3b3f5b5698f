/** The mutation run's own rules, on small sources. */
import { parse } from '@babel/parser';
import { instrumented, mutantsOf } from '../../mutation/mutants.ts';

/** The text of each mutant, in order. */
function mutated(source: string): string[] {
  return mutantsOf('a.ts', source).map(
    ({ start, end, mutated }) => source.slice(0, start) + mutated + source.slice(end),
  );
}

test.each([
  ['if (a < b) f();', ['if (false) f();', 'if (true) f();', 'if (a <= b) f();', 'if (a < b) ;']],
  ['x = a ?? b;', [';', 'x = (a);', 'x = (b);']],
  ['x = a === b;', [';', 'x = a !== b;']],
  ['x = a?.b;', [';', 'x = a.b;']],
  [
    'x = Math.min(0, n - 1);',
    [
      ';',
      'x = Math.max(0, n - 1);',
      'x = Math.min(1, n - 1);',
      'x = Math.min(0, n + 1);',
      'x = Math.min(0, n - 0);',
    ],
  ],
  ['const f = () => g(1);', ['const f = () => undefined;', 'const f = () => g(0);']],
  ["const s = { kind: 'done' };", ["const s = { kind: '' };"]],
  ["throw new Error('text for people');", [';']],
  ['const names: NamesOf<A> = { a: true };', []],
  ['const names: Other<A> = { a: true };', ['const names: Other<A> = { a: false };']],
  ["import x from 'y'; type T = 'a' | 'b'; interface I { n: 1 }", []],
  [
    'const q = `SELECT 1 FROM t WHERE a <= ? ORDER BY b LIMIT 1`;',
    [
      'const q = `SELECT 1 FROM t WHERE a < ? ORDER BY b LIMIT 1`;',
      'const q = `SELECT 1 FROM t WHERE a <= ? ORDER BY b DESC LIMIT 1`;',
    ],
  ],
])('the mutants of %j', (source, expected) => {
  expect(mutated(source).sort()).toEqual([...expected].sort());
});

test('instrumentation keeps a source valid, and adds only calls', () => {
  const source = `
    const twice = (n: number) => n * 2;
    export function run(list: number[]) { if (list.length === 0) return 'none'; return list.map((n) => ({ n: twice(n) })); }
  `;
  const told = instrumented(source, mutantsOf('a.ts', source));
  expect(() => parse(told, { sourceType: 'module', plugins: ['typescript'] })).not.toThrow();
  expect(told.match(/globalThis\.reached/g)!.length).toBeGreaterThanOrEqual(4);
  expect(told.replaceAll(/globalThis\.reached\?\.\('a\.ts:\d+'\)(;|, )/g, '').replaceAll(/[()]/g, '')).toBe(
    source.replaceAll(/[()]/g, ''),
  );
});
