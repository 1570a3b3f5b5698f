import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../../..');
const text = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

interface Hop {
  readonly number: number;
  readonly file: string;
  readonly name: string;
}

const hops: Hop[] = [...text.matchAll(/^\| (\d+) +\| \[([^\]]+)\]\(\.\.\/([^)]+)\) +\| `([^`]+)`/gm)].map(
  ([, number, label, file, name]) => {
    expect(label).toBe(file);
    return { number: Number(number), file: file!, name: name! };
  },
);

/** Begins a definition: a function, a method, a property that holds a function, or an interface's method. */
function defines(name: string): RegExp {
  const escaped = name.replace('#', '\\#');
  return new RegExp(
    `^ *(export |async |readonly )*(function )?(async )?${escaped}( = async \\(|(<[^>]*>)?\\()`,
    'm',
  );
}

test('a timer tick reaches the settle call within twelve hops', () => {
  expect(hops.map(({ number }) => number)).toEqual(hops.map((_, index) => index));
  expect(hops.at(-1)).toMatchObject({ file: 'src/engine/work-queue.ts', name: 'settle' });
  expect(hops.length - 1).toBeLessThanOrEqual(12);
});

test('each hop is a function of its file', () => {
  for (const { file, name } of hops)
    expect([file, name, defines(name).test(read(file))]).toEqual([file, name, true]);
});

test('each hop calls the next one, but for the queue between plan and dispatch', () => {
  const calls = hops.slice(1).map((next, index) => ({ hop: hops[index]!, next }));
  const missing = calls.filter(({ hop, next }) => {
    if (next.file === 'functions/dispatch.ts') return false;
    return !new RegExp(`\\b${next.name.replace('#', '')}\\(`).test(read(hop.file));
  });
  expect(missing.map(({ hop, next }) => `${hop.file} does not call ${next.name}`)).toEqual([]);
});

test('files that the picture names exist', () => {
  const named = [...text.matchAll(/\["([\w/.-]+\.ts)/g)].map(([, file]) => file!);
  expect(named.length).toBeGreaterThan(8);
  const missing = named.filter(
    (file) => ![file, `src/${file}`].some((each) => existsSync(path.join(root, each))),
  );
  expect(missing).toEqual([]);
});
