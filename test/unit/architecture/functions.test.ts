import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const top = path.resolve(__dirname, '../../..');
const files = globSync('functions/**/*.ts', { cwd: top }).map((file) => file.split(path.sep).join('/'));

function importsOf(file: string): string[] {
  const text = readFileSync(path.join(top, file), 'utf8');
  return [...text.matchAll(/\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm)].map(
    ([, from, alone, lazy]) => (from ?? alone ?? lazy)!,
  );
}

test('section 7: functions are thin callers of the library face and of the indexes of handlers and sources', () => {
  expect(files.length).toBeGreaterThan(10);
  const outside = files.flatMap((file) =>
    importsOf(file)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => path.posix.join(path.posix.dirname(file), specifier))
      .filter((target) => !target.startsWith('functions/'))
      .map((target) => [file, target]),
  );
  // registerFunctions is a public function too: its options get the check that all public functions make.
  const checks = ['src/errors.ts', 'src/options.ts', 'src/settings.ts'];
  const indexes = [
    'src/index.ts',
    'src/handlers/index.ts',
    'src/sources/index.ts',
    'src/console/index.ts',
    'src/console/hosted/index.ts',
  ];
  // The app checks its settings once, and createMultiOutbox would check them again.
  const assembly = 'src/multi-outbox.ts';
  const allowed = [...indexes, ...checks, assembly, 'docs/openapi.json'];
  expect(outside.filter(([, target]) => !allowed.includes(target!))).toEqual([]);
  expect(outside.length).toBeGreaterThan(5);
});

test('section 2: one small file for each function', () => {
  const registering = files.filter((file) =>
    /\bapp\.(timer|storageQueue|http)\(/.test(readFileSync(path.join(top, file), 'utf8')),
  );
  expect(registering.sort()).toEqual(
    ['console', 'dispatch', 'enqueue', 'health', 'openapi', 'pages', 'plan', 'poison', 'receive', 'wake'].map(
      (name) => `functions/${name}.ts`,
    ),
  );
  for (const file of registering) {
    expect([file, readFileSync(path.join(top, file), 'utf8').split('\n').length < 130]).toEqual([file, true]);
  }
});
