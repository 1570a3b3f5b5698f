/** S4: an act on many tenants, sent a hundred at a time, says what has become of each. */
import { actOnMany } from '../../../src/console/page/parts/act-on-many.ts';
import type { ActedOnTenants } from '../../../src/console/routes/many-tenants.ts';

const idsOf = (many: number) => Array.from({ length: many }, (_, index) => `t${index}`);
const leftFor = (ids: readonly string[], code: string, message: string): ActedOnTenants => ({
  changed: 0,
  left: ids.map((id) => ({ id, code, message })),
});
const never = new AbortController().signal;

/** What the page says, and how many requests were sent. */
async function acted(
  many: number,
  send: (ids: readonly string[], request: number) => ActedOnTenants | Error,
): Promise<[text: string, sent: number]> {
  let sent = 0;
  const run = actOnMany(idsOf(many), 'woken', async (ids) => {
    const answer = send(ids, ++sent);
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return [await run(() => {}, never), sent];
}

const done = (ids: readonly string[]): ActedOnTenants => ({ changed: ids.length, left: [] });
const failed = (status: number, message: string) => Object.assign(new Error(message), { status });

test('S4: 100,000 tenants that have another status are counted, and the first are named', async () => {
  expect(
    await acted(100_000, (ids) => leftFor(ids, 'TENANT_NOT_ACTIVE', 'It has another status now.')),
  ).toEqual([
    '0 tenants woken. 100,000 tenants were not changed (t0, t1, t2, t3, t4 and others): It has another status now.',
    1_000,
  ]);
});

test('S4: tenants that are retired, unchanged or unknown are said to be, and say nothing about the next', async () => {
  const reasons = [
    ['TENANT_RETIRED', 'It is retired.'],
    ['TENANT_UNCHANGED', 'It has these values already.'],
    ['UNKNOWN_TENANT', 'There is no such tenant.'],
    ['INVALID_TENANT', 'Its definition in the registry cannot be read; correct that first.'],
  ] as const;
  for (const [code, message] of reasons)
    expect(await acted(200, (ids) => leftFor(ids, code, message))).toEqual([
      `0 tenants woken. 200 tenants were not changed (t0, t1, t2, t3, t4 and others): ${message}`,
      2,
    ]);
});

test('S4: one that was left is named alone', async () => {
  const [text] = await acted(3, (ids) => ({ ...leftFor(ids.slice(2), 'FAILED', 'It failed.'), changed: 2 }));
  expect(text).toBe('2 tenants woken. 1 tenant was not changed (t2): It failed.');
});

test('S4: when the connection breaks, what was sent last may have been done', async () => {
  expect(await acted(350, (ids, request) => (request === 2 ? failed(0, 'No answer.') : done(ids)))).toEqual([
    '100 tenants woken. 100 tenants: not known whether they were changed. No answer. Stopped: 150 tenants not tried.',
    2,
  ]);
  expect(await acted(50, () => failed(500, 'It failed.'))).toEqual([
    '0 tenants woken. 50 tenants: not known whether they were changed. It failed.',
    1,
  ]);
});

test('S4: what the server refuses was not tried', async () => {
  expect(
    await acted(250, (ids, request) => (request === 2 ? failed(403, 'You may not.') : done(ids))),
  ).toEqual(['100 tenants woken. Stopped: 150 tenants not tried. You may not.', 2]);
  await expect(acted(250, () => failed(403, 'You may not.'))).rejects.toThrow('You may not.');
});

test('S4: nothing more is sent while the registry is away', async () => {
  expect(
    await acted(20_000, (ids) => leftFor(ids, 'REGISTRY_UNAVAILABLE', 'The registry does not answer.')),
  ).toEqual([
    '0 tenants woken. Stopped: 19,900 tenants not tried. 100 tenants were not changed (t0, t1, t2, t3, t4 and others): The registry does not answer.',
    1,
  ]);
  // One that could be changed, or another reason, says that the others may be.
  const [, sent] = await acted(300, (ids) => ({
    changed: 1,
    left: leftFor(ids.slice(1), 'REGISTRY_UNAVAILABLE', 'The registry does not answer.').left,
  }));
  expect(sent).toBe(3);
});
