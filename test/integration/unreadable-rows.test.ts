/** Q15: rows that other programs stored and no program can read, in a whole fleet on the real embedded engine. */
import { deadOf } from '../support/dead-letters.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const place = new FleetPlace();

test('Q15, D8: rows that cannot be read go to Dead with their reason, each by itself; the others are dispatched', async () => {
  const { seen, handlers } = noting();
  const face = await place.fleet(['acme', 'beta'], { handlers });
  const application = place.connection('tenants/acme.db');
  const insert = (columns: string, values: string) =>
    application.exec(`INSERT INTO Outbox (Topic, ${columns}) VALUES ('orders', ${values})`);
  for (const id of ['acme', 'beta']) await face.outbox(id).enqueue({ topic: 'orders', payload: 'first' });
  insert('Payload, Headers', `'p', '["a"]'`);
  insert('Payload', `CAST(x'c328' AS TEXT)`);
  insert('Payload, OrderingKey', `'p', CAST(x'ff' AS TEXT)`);
  await face.outbox('acme').enqueue({ topic: 'orders', payload: 'last' });

  const { runs } = await face.tick();
  expect(seen.sort()).toEqual(['acme:first', 'acme:last', 'beta:first']);
  expect(
    Object.fromEntries(
      runs.map(({ tenantId, outcome, counts }) => [tenantId, [outcome, counts.done, counts.dead]]),
    ),
  ).toEqual({
    acme: ['dispatched', 2, 3],
    beta: ['dispatched', 1, 0],
  });
  const dead = await deadOf(face, 'acme').list();
  const remedy = 'Correct it with SQL, then replay the message, or discard it.';
  expect(dead.map(({ lastError }) => lastError)).toEqual([
    `The row cannot be read: Headers is JSON, but not an object. ${remedy}`,
    `The row cannot be read: Payload is not valid UTF-8. ${remedy}`,
    `The row cannot be read: OrderingKey is not valid UTF-8. ${remedy}`,
  ]);
  for (const each of dead) expect(each).toMatchObject({ payload: '', attempts: 0 });

  // Corrected and replayed, they are dispatched like any other.
  application.exec(
    `UPDATE Outbox SET Headers = '{}', Payload = 'mended', OrderingKey = NULL WHERE Status = 3`,
  );
  expect(await deadOf(face, 'acme').replay()).toBe(3);
  await face.tick();
  expect(seen.filter((each) => each === 'acme:mended')).toHaveLength(3);
});

test('Q15, D8: a tenant whose row cannot be read is reported by its id; the other tenants are planned and dispatched', async () => {
  const { seen, handlers } = noting();
  const logger = recordingLogger();
  const ids = ['acme', 'beta', 'cedar'];
  const face = await place.fleet(ids, { handlers, logger });
  for (const id of ids) await face.outbox(id).enqueue({ topic: 'orders', payload: 'x' });
  const other = place.connection('registry.db');
  other.exec(`UPDATE Tenants SET LastCounts = '[]', FailingTopics = '{"a":1}' WHERE Id = 'acme'`);
  other.exec(`UPDATE Tenants SET Tags = '["gold"]' WHERE Id = 'beta'`);
  await face.close();

  const again = place.face({ handlers, logger });
  const { runs } = await again.tick();
  expect(Object.fromEntries(runs.map((run) => [run.tenantId, run.error?.code ?? run.outcome]))).toEqual({
    acme: 'dispatched',
    beta: 'INVALID_TENANT',
    cedar: 'dispatched',
  });
  expect(seen.sort()).toEqual(['acme:x', 'cedar:x']);
  const noted = logger.lines.filter(({ message }) => message.startsWith("Columns of a tenant's row"));
  expect(Object.fromEntries(noted.map(({ fields }) => [fields.tenantId, fields.columns]))).toEqual({
    acme: ['LastCounts', 'FailingTopics'],
    beta: ['Tags'],
  });
  const [acme, beta] = [await again.tenants.get('acme'), await again.tenants.get('beta')];
  expect(acme.unreadable).toBeUndefined();
  expect(beta).toMatchObject({
    unreadable: { definition: ['Tags'], schedule: [] },
    schedule: { lastErrorCode: 'INVALID_TENANT', failureStreak: 1 },
  });
  expect(beta.schedule.lastError).toMatch(/^Tenant 'beta' cannot be served: .* in Tags\. Correct the row/);
  const doctor = await again.doctor();
  expect(doctor.find(({ tenantId }) => tenantId === 'beta')!.findings).toMatchObject([
    { kind: 'unreachable', message: expect.stringContaining('INVALID_TENANT') },
  ]);
  await expect(again.outbox('beta').enqueue({ topic: 'orders', payload: 'y' })).rejects.toMatchObject({
    code: 'INVALID_TENANT',
    tenantId: 'beta',
  });
});
