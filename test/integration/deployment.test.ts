/** D4, Q16: a deployment that adds a handler, seen from a fleet. */
import { defineHandler, defineInboxHandler } from '../../src/queue/handler.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';

const place = new FleetPlace();
/** Only wakes and known due times make a tenant due. */
const schedule = { idleCeilingMs: 'never' } as const;

/** A release that also handles 'new.topic'. */
function newRelease(seen: string[], handlers: ReturnType<typeof noting>['handlers']) {
  const added = defineHandler({
    topic: 'New.Topic',
    handle: ({ payload }, { tenant }) => void seen.push(`${tenant.id}:${payload}`),
  });
  return place.face({ schedule, handlers: [...handlers, added] });
}

test('D4: the first plan of a release that adds a handler takes the parked messages of its topic', async () => {
  const { seen, handlers } = noting();
  const old = await place.fleet(['acme', 'birch', 'cedar'], { schedule, handlers });
  for (const id of ['acme', 'birch']) {
    await old.outbox(id).enqueue({ topic: 'new.topic', payload: 'parked' });
    await old.outbox(id).enqueue({ topic: 'other.topic', payload: 'no handler' });
  }
  await old.tick();
  // A later run parks nothing, and still reports what is parked.
  await old.wake(['acme', 'birch', 'cedar']);
  const { runs } = await old.tick();
  const parked = runs.map(({ tenantId, outcome, parkedTopics }) => [tenantId, outcome, parkedTopics]);
  expect(parked.sort()).toEqual([
    ['acme', 'idle', ['new.topic', 'other.topic']],
    ['birch', 'idle', ['new.topic', 'other.topic']],
    ['cedar', 'idle', []],
  ]);
  expect(seen).toEqual([]);

  const release = newRelease(seen, handlers);
  const first = await release.tick();
  expect(first.runs.map(({ tenantId, reason }) => [tenantId, reason]).sort()).toEqual([
    ['acme', 'wake'],
    ['birch', 'wake'],
  ]);
  expect(seen.sort()).toEqual(['acme:parked', 'birch:parked']);
  expect(first.runs.map(({ parkedTopics }) => parkedTopics)).toEqual([['other.topic'], ['other.topic']]);
  // Once in the life of the process: the messages without a handler do not wake their tenants again.
  expect((await release.tick()).plan).toMatchObject({ due: 0 });
});

test('D4: while both releases run, a host with the handler takes what a host without it has parked', async () => {
  const { seen, handlers } = noting();
  const old = await place.fleet(['acme'], { schedule, handlers });
  const release = newRelease(seen, handlers);
  await release.tick();
  await old.outbox('acme').enqueue({ topic: 'new.topic', payload: 'parked' });
  const { runs } = await old.tick();
  expect(runs).toMatchObject([{ counts: { parked: 1 } }]);
  // The first parking is short, so that some host soon looks again.
  expect(runs[0]!.nextDueInMs).toBeLessThanOrEqual(1_000);
  await release.dispatch({ tenantId: 'acme' });
  expect(seen).toEqual(['acme:parked']);
});

test('D4: a host without the handler does not wake them', async () => {
  const { handlers } = noting();
  const old = await place.fleet(['acme'], { schedule, handlers });
  await old.outbox('acme').enqueue({ topic: 'new.topic', payload: 'parked' });
  await old.tick();
  expect((await place.face({ schedule, handlers }).tick()).plan).toMatchObject({ due: 0 });
});

test('D4: a host that handles the topic only of another queue or source makes one idle run, and changes no message', async () => {
  const { handlers } = noting();
  const handle = () => {};
  const known = [...handlers, defineInboxHandler({ topic: 'known', handle })];
  const old = await place.fleet(['acme'], { schedule, handlers: known });
  const inbox = old.inbox('acme');
  const letter = { source: 'bank', messageId: '1', topic: 'new.topic', payload: 'parked' };
  const { messageId } = await inbox.receive(letter);
  await old.tick();
  // Parked for so long that it is not due again during the test.
  place.connection('tenants/acme.db').exec('UPDATE Inbox SET DueUtc = DueUtc + 3600000');
  await old.wake(['acme']);
  await old.tick();
  const parked = await inbox.get(messageId);

  const others = [
    ...known,
    defineHandler({ topic: 'new.topic', handle }),
    defineInboxHandler({ topic: 'new.topic', source: 'shop', handle }),
  ];
  // Two processes, one after the other.
  for (const host of [1, 2].map(() => place.face({ schedule, handlers: others }))) {
    expect((await host.tick()).runs).toMatchObject([
      { tenantId: 'acme', reason: 'wake', outcome: 'idle', roundTrips: 2, parkedTopics: ['new.topic'] },
    ]);
    expect((await host.tick()).plan).toMatchObject({ due: 0 });
  }
  expect(await inbox.get(messageId)).toEqual(parked);
  expect(parked).toMatchObject({ topic: 'new.topic' });
});
