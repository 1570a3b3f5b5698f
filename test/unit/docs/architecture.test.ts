import { existsSync } from 'node:fs';
import path from 'node:path';
import { linkedRows, readSource, undefinedNames } from '../../support/code-links.ts';

const root = path.join(__dirname, '../../..');
const text = readSource('docs/architecture.md');
const hops = linkedRows(text);

test('a timer tick reaches the settle call within twelve hops, and the text says how many', () => {
  expect(hops.map(({ number }) => number)).toEqual(hops.map((_, index) => index));
  expect(hops.at(-1)).toMatchObject({ file: 'src/engine/work-queue.ts', name: 'settle' });
  expect(hops.length - 1).toBeLessThanOrEqual(12);
  expect(/(\d+) hops/.exec(text)?.[1]).toBe(String(hops.length - 1));
});

test('each hop is a function of its file', () => {
  expect(undefinedNames(hops)).toEqual([]);
});

test('each hop calls the next one, but for the queue between plan and dispatch', () => {
  const calls = hops.slice(1).map((next, index) => ({ hop: hops[index]!, next }));
  const missing = calls.filter(({ hop, next }) => {
    if (next.file === 'functions/dispatch.ts') return false;
    return !new RegExp(`\\b${next.name.replace('#', '')}\\(`).test(readSource(hop.file));
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
