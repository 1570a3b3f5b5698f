/** `npm run mutation -- src/lease` lists the changes of the code that the tests of its folder do not notice. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Copy } from './copy.ts';
import { type Equivalent, equivalents } from './equivalents/index.ts';
import { testsOf } from './folders.ts';
import { Judge, type Verdict } from './judge.ts';
import { type Mutant, mutantsOf } from './mutants.ts';

const usage = `npm run mutation -- [options] [folder or file …]

Folders: ${Object.keys(testsOf).join(', ')} (all of them when none is given)
  --sample N   only so many mutants of each folder, chosen by the seed
  --seed N     1 when absent
  --list       print the mutants and run nothing
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const leastScore = 0.95;
const root = path.resolve(import.meta.dirname, '../..');
const print = (line = '') => process.stdout.write(`${line}\n`);

const lineOf = ({ file, line }: Mutant) =>
  readFileSync(path.join(root, file), 'utf8').split('\n')[line - 1]!.trim();
const short = (text: string) => text.replace(/\s+/g, ' ').slice(0, 90);
const change = ({ original, mutated }: Mutant) => `${short(original)} → ${short(mutated) || 'nothing'}`;
const matches = (mutant: Mutant, { file, line, mutant: text }: Equivalent) =>
  file === mutant.file && text === change(mutant) && lineOf(mutant).includes(line);

/** A choice that the seed repeats (mulberry32), in the order of the text. */
function sampled(mutants: readonly Mutant[], size: number, seed: number): Mutant[] {
  let state = seed;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  const places = new Map(mutants.map((mutant) => [mutant, random()]));
  const chosen = new Set([...mutants].sort((a, b) => places.get(a)! - places.get(b)!).slice(0, size));
  return mutants.filter((mutant) => chosen.has(mutant));
}

function filesOf(pattern: string, ending: string): string[] {
  if (pattern.endsWith('.ts')) return [pattern];
  return globSync(`${pattern}/**/*${ending}`, { cwd: root }).sort();
}

function folderOf(target: string): string {
  const folder = Object.keys(testsOf).find((one) => target === one || target.startsWith(`${one}/`));
  if (folder === undefined) throw new Error(`No tests are known for ${target}.\n${usage}`);
  return folder;
}

/** Tests the folder, or some of its files. Returns whether the score is high enough. */
async function testFolder(folder: string, targets: readonly string[]): Promise<boolean> {
  const title = targets.join(', ');
  const files = new Set(targets.flatMap((target) => filesOf(target, '.ts')));
  const all = [...files].flatMap((file) => mutantsOf(file, readFileSync(path.join(root, file), 'utf8')));
  const isEquivalent = (mutant: Mutant) => equivalents.some((one) => matches(mutant, one));
  const candidates = all.filter((mutant) => !isEquivalent(mutant));
  const size = Number(values.sample ?? candidates.length);
  const mutants = sampled(candidates, size, Number(values.seed));
  print(`${title}: ${all.length} mutants, ${all.length - candidates.length} of them equivalent`);
  if (mutants.length < candidates.length) print(`a sample of ${mutants.length}, seed ${values.seed}`);
  for (const one of equivalents)
    if (files.has(one.file) && !all.some((mutant) => matches(mutant, one)))
      print(`not a mutant any more: ${one.file} ${one.line} | ${one.mutant}`);
  if (values.list) {
    for (const mutant of mutants) print(`  ${mutant.file}:${mutant.line}  ${change(mutant)}`);
    return true;
  }

  const copy = new Copy(root);
  const judge = new Judge(
    copy,
    testsOf[folder]!.flatMap((tests) => filesOf(tests, '.test.ts')),
  );
  try {
    await judge.prepare(mutants, print);
    const verdicts = new Map<Mutant, Verdict>();
    for (const mutant of mutants) {
      const verdict = await judge.judge(mutant);
      verdicts.set(mutant, verdict);
      if (verdict.is === 'survived') {
        const reached = verdict.tests === 0 ? 'no test gets there' : `${verdict.tests} tests get there`;
        print(`  survived  ${mutant.file}:${mutant.line}  ${change(mutant)}  (${reached})`);
      } else if (verdict.is !== 'killed') {
        print(`  ${verdict.is}  ${mutant.file}:${mutant.line}  ${change(mutant)}`);
      }
    }
    const unsound = await judge.failingWithoutMutant([...verdicts.values()]);
    for (const test of unsound) print(`  fails without any mutant, so that it proves nothing: ${test}`);
    const count = (is: Verdict['is']) =>
      [...verdicts.values()].filter((one) => one.is === is && !unsound.has(one.by ?? '')).length;
    const found = count('killed') + count('timed out') + count('died');
    const score = mutants.length === 0 ? 1 : found / mutants.length;
    print(
      `${title}: ${(100 * score).toFixed(1)} % of ${mutants.length} (killed ${count('killed')}, timed out ${count('timed out')}, ` +
        `ended the process ${count('died')}, survived ${count('survived')})`,
    );
    return score >= leastScore;
  } finally {
    await judge.stop();
    copy.remove();
  }
}

let isEnough = true;
const targets = positionals.map((target) => target.replace(/\/$/, ''));
const byFolder = Map.groupBy(targets.length > 0 ? targets : Object.keys(testsOf), folderOf);
for (const [folder, its] of byFolder) isEnough = (await testFolder(folder, its)) && isEnough;
process.exitCode = isEnough ? 0 : 1;
