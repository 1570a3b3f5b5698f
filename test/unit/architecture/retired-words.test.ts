import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../../..');
const files = globSync(
  ['src/**/*.ts', 'functions/**/*.ts', 'sql/**/*.sql', 'sql/README.md', 'docs/**/*.{md,ts}', '*.md'],
  { cwd: root },
).map((file) => file.split(path.sep).join('/'));

/** Words that this project has given up, each with the one that it uses now (docs/glossary.md). */
const retired: Readonly<Record<string, string>> = {
  'in hand': 'in flight',
  'held back': 'blocked',
  'hold back': 'block',
  'holds back': 'blocks',
  strays: 'followers',
  'let forward': 'unblock',
  'lets forward': 'unblocks',
  'let heads forward': 'unblock',
  bury: 'insert as dead, or resolve a dead message',
  buries: 'inserts as dead, or resolves a dead message',
  buried: 'inserted as dead, or resolved',
  breath: 'EventLoopYielder',
  'transaction door': 'ClosableTransaction',
  overtaken: 'stale, or superseded',
  'fair place': 'fair slot',
  'fair places': 'fair slots',
  'tell tenants apart': 'setTenantLabels',
  unfailing: 'safe',
  'patience ms': 'waitMs',
};

/** The same for names that are ordinary words elsewhere. */
const retiredNames: readonly (readonly [pattern: RegExp, use: string])[] = [
  [/_Turn\b/, 'SettleAndClaim'],
  [/\bclass \w*Gate\b/, 'Semaphore, or Mutex'],
  [/\bRetryLater\b/, 'Snooze'],
  [/\bInLine\b/, 'InGroup'],
];

/** Finds the words in prose, over the ends of lines and of comments, and in names of any case: `heldBack`, `held_back`. */
function wordPattern(words: string): RegExp {
  const [first, ...rest] = words.split(' ').map((word) => {
    const tail = word.slice(1);
    return { lower: `[${word[0]}${word[0]!.toUpperCase()}]${tail}`, upper: word[0]!.toUpperCase() + tail };
  });
  const begin = `(?:(?<![A-Za-z])${first!.lower}|(?<=[a-z0-9])${first!.upper})`;
  const then = rest.map(({ lower, upper }) => `(?:[\\s*_/-]+${lower}|${upper})`).join('');
  return new RegExp(`${begin}${then}(?![a-z])`, 'g');
}

const patterns = [
  ...Object.entries(retired).map(([words, use]) => [wordPattern(words), use] as const),
  ...retiredNames.map(([pattern, use]) => [new RegExp(pattern, 'g'), use] as const),
];

function retiredIn(text: string): { line: number; found: string; use: string }[] {
  return patterns.flatMap(([pattern, use]) =>
    [...text.matchAll(pattern)].map(({ 0: found, index }) => ({
      line: text.slice(0, index).split('\n').length,
      found,
      use,
    })),
  );
}

test('code, T-SQL and documents have none of the words that this project has given up', () => {
  expect(files.length).toBeGreaterThan(250);
  const found = files.flatMap((file) => [
    ...retiredIn(readFileSync(path.join(root, file), 'utf8')).map(
      ({ line, found, use }) => `${file}:${line}: '${found}'; write: ${use}`,
    ),
    ...retiredIn(path.posix.basename(file)).map(({ found, use }) => `${file}: '${found}'; name it: ${use}`),
  ]);
  expect(found).toEqual([]);
});

test.each([
  ['what the run has in hand', 'in hand'],
  ['a message is held\n * back', 'held\n * back'],
  ['const isHeldBack = 1', 'HeldBack'],
  ['HeldBack bit NOT NULL', 'HeldBack'],
  ['readonly #strays: number[]', 'strays'],
  ['function letHeadsForward(', 'letHeadsForward'],
  ['function letForward(', 'letForward'],
  ['Queue_Bury', 'Bury'],
  ['[$(Queue)_Turn]', '_Turn'],
  ['export class TenantGate {', 'class TenantGate'],
  ['new TransactionDoor()', 'TransactionDoor'],
  ['const fairPlaces = 4', 'fairPlaces'],
  ['const patienceMs = 4_800', 'patienceMs'],
  ['queue-let-forward.sql', 'let-forward'],
])('a retired word is found: %j', (text, found) => {
  expect(retiredIn(text).map((each) => each.found)).toEqual([found]);
});

test.each([
  'the handlers in handlers.ts',
  'src/cli/stray-errors.ts',
  'takeStrayErrors()',
  'const unburied = 1',
  'a breathtaking case',
  "a turn of another's",
])('a word of another kind is not: %j', (text) => {
  expect(retiredIn(text)).toEqual([]);
});
