import { TenantSlots } from '../../../src/handlers/tenant-slots.ts';
import { deferred, turns } from '../../support/deferred.ts';

const never = new AbortController().signal;

/** Starts work that goes on until `end` is called with its name. */
function held(slots: TenantSlots) {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    started,
    start(name: string, signal = never) {
      const gate = deferred();
      ends.set(name, gate.resolve);
      return slots.use(
        name[0]!,
        () => {
          started.push(name);
          return gate.promise;
        },
        signal,
      );
    },
    async end(...names: string[]) {
      for (const name of names) ends.get(name)!();
      await turns();
    },
  };
}

test('D8: one tenant does not get all slots', async () => {
  const work = held(new TenantSlots({ total: 3, perTenant: 2 }));
  const all = ['a1', 'a2', 'a3', 'b1'].map((name) => work.start(name));
  await turns();
  expect(work.started).toEqual(['a1', 'a2', 'b1']);
  await work.end('a1');
  expect(work.started).toEqual(['a1', 'a2', 'b1', 'a3']);
  await work.end('a2', 'a3', 'b1');
  await Promise.all(all);
});

test('D8: tenants that wait take turns, however many calls one of them has', async () => {
  const work = held(new TenantSlots({ total: 1, perTenant: 1 }));
  const names = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'];
  const all = names.map((name) => work.start(name));
  for (let ended = 0; ended < names.length; ended++) {
    await turns();
    await work.end(work.started[ended]!);
  }
  await Promise.all(all);
  expect(work.started).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
});

test('a caller whose signal fires gives up its place, and work that fails gives back its slot', async () => {
  const slots = new TenantSlots({ total: 1, perTenant: 1 });
  const work = held(slots);
  const stop = new AbortController();
  const first = work.start('a1');
  const second = work.start('a2', stop.signal);
  const third = work.start('b1');
  const reason = new Error('stopped');
  stop.abort(reason);
  await expect(second).rejects.toBe(reason);
  await work.end('a1');
  await first;
  expect(work.started).toEqual(['a1', 'b1']);
  await work.end('b1');
  await third;
  const failure = new Error('failed');
  await expect(slots.use('a', () => Promise.reject(failure), never)).rejects.toBe(failure);
  await expect(slots.use('b', async () => 'works', never)).resolves.toBe('works');
});
