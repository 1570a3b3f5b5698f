/** Which places of its walks over topics the server gets back. It is on loopback and executes no SQL. */
import { createSqlServerEngine } from '../../../src/engine/sqlserver/index.ts';
import { contains, idleRun, procedureOf, row, TdsServer } from '../../support/tds-server.ts';

test('Q4, D4: a run begins to look at topics where the last one has stopped', async () => {
  const answers: readonly Parameters<typeof row>[0][] = [
    { ...idleRun, ThrottledAfter: '[throttled 1]', ParkedAfter: '[parked 1]' },
    { Lease: 'leased-elsewhere', Owner: 'host-2', ExpiresInMs: 1_000n },
    { ...idleRun, ParkedAfter: '[parked 2]' },
    idleRun,
    idleRun,
  ];
  let answered = 0;
  await using server = await TdsServer.start({
    answer: (message) =>
      procedureOf(message)?.endsWith('[Outbox_Begin]') ? row(answers[answered++]!) : undefined,
  });
  const connectionString = `Server=127.0.0.1,${server.port};User Id=u;Password=p;Encrypt=false`;
  const engine = createSqlServerEngine({ env: { ACME: connectionString } });
  try {
    const auth = { kind: 'setting', name: 'ACME' } as const;
    const address = { id: 'acme', server: '', database: 'acme', auth, schema: 'messaging' };
    const queue = engine.openTenant(address).queue('outbox');
    const request = { owner: 'host-1', durationMs: 60_000, claim: { limit: 10, maxBytes: 1_000 } };
    for (let call = 0; call < answers.length; call++) await queue.begin(request);
  } finally {
    await engine.close();
  }
  const places = ['[throttled 1]', '[parked 1]', '[parked 2]'];
  const sent = server.messages
    .filter((message) => procedureOf(message)?.endsWith('[Outbox_Begin]'))
    .map((message) => places.filter((place) => contains(message, place)));
  expect(sent).toEqual([[], places.slice(0, 2), places.slice(0, 2), ['[parked 2]'], []]);
});
