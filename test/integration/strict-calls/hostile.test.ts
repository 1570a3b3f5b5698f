/**
 * Section 8: every public function, every place in its arguments, every hostile value. Each call ends. It succeeds, or it
 * is refused by an error of this library with a code, on one short line; never by a raw TypeError.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isMultiOutboxError } from '../../../src/index.ts';
import { FleetPlace } from '../../support/fleet-place.ts';
import { hostileArguments, placesIn } from './hostile-arguments.ts';
import { createScene, entries, functionsIn, type Scene, topic, validArguments } from './public-functions.ts';

const place = new FleetPlace();

/**
 * Which hostile values each place accepts, reviewed by people: a function that cannot fail, text that is any text, an
 * option that is left out, a value that is checked later.
 */
const accepted = readFileSync(path.join(__dirname, 'accepted.txt'), 'utf8').trim().split('\n');

beforeAll(() => {
  // @azure/functions warns that no host is present.
  jest.spyOn(console, 'warn').mockImplementation(() => {});
});
afterAll(() => jest.restoreAllMocks());

function functionOf(scene: Scene, name: string): (...given: unknown[]) => unknown {
  const path = name.split('.');
  const last = path.pop()!;
  const owner = path.reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], scene);
  return (...given) => (owner as Record<string, (...given: unknown[]) => unknown>)[last]!(...given);
}

/** Ends what a successful call has opened. */
async function ended(result: unknown): Promise<void> {
  const opened = (result ?? {}) as { close?: () => unknown; release?: () => unknown; fence?: bigint };
  if (typeof opened.close === 'function') await opened.close();
  if (opened.fence !== undefined) await opened.release?.();
}

const longestMs = 20_000;

async function outcomeOf(call: () => unknown): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, longestMs, 'hangs');
  });
  const answers = async () => {
    try {
      await ended(await call());
      return 'succeeds';
    } catch (error) {
      if (!isMultiOutboxError(error)) return `throws ${String(error).slice(0, 200)}`;
      return /^.{10,400}$/.test(error.message) && /^[A-Z_]+$/.test(error.code)
        ? 'is refused'
        : `is refused at length: ${error.message.slice(0, 100)}`;
    }
  };
  try {
    return await Promise.race([answers(), hangs]);
  } finally {
    clearTimeout(timer);
  }
}

const names = Object.entries(validArguments).flatMap(([name, args]) =>
  typeof args === 'string' ? [] : [name],
);

test.each(names)(
  '%s answers every hostile argument',
  async (name) => {
    const scene = await createScene(place);
    const valid = validArguments[name] as (scene: Scene) => readonly unknown[];
    const call = functionOf(scene, name);
    expect(await outcomeOf(() => call(...valid(scene)))).toBe('succeeds');
    const wrong: string[] = [];
    const succeeded = new Map<string, string[]>();
    for (const { path: at, withValue } of placesIn(valid(scene))) {
      for (const [label, create] of Object.entries(hostileArguments)) {
        const given = withValue(valid(scene), create());
        const outcome = await outcomeOf(() => call(...given));
        if (outcome === 'succeeds') succeeded.set(at, [...(succeeded.get(at) ?? []), label]);
        if (outcome !== 'succeeds' && outcome !== 'is refused') wrong.push(`${at} as ${label} ${outcome}`);
      }
    }
    await scene.test.close();
    expect(wrong).toEqual([]);
    const all = Object.keys(hostileArguments).length;
    const lines = [...succeeded].map(
      ([where, labels]) => `${name} ${where}: ${labels.length === all ? 'all' : labels.join(', ')}`,
    );
    expect(lines).toEqual(accepted.filter((line) => line.startsWith(`${name} `)));
  },
  300_000,
);

test('every public function is in the table', async () => {
  const { face, test } = await createScene(place);
  const own = functionsIn(test, 'test.').filter((name) => !functionsIn(face, 'test.').includes(name));
  const found = [
    ...Object.entries(entries).flatMap(([name, entry]) => functionsIn({ ...entry }, `${name}.`)),
    ...functionsIn(face, 'face.'),
    ...own,
    ...functionsIn(face.outbox('acme'), 'outbox.'),
    ...functionsIn(face.inbox('acme'), 'inbox.'),
    ...functionsIn(face.leases('acme'), 'leases.'),
    ...functionsIn(topic, 'topic.'),
  ].filter((name) => !name.includes('MessageStatus.'));
  await test.close();
  const tried = Object.keys(validArguments).filter((name) => !name.startsWith('new.'));
  expect(found.filter((name) => !tried.includes(name))).toEqual([]);
});
