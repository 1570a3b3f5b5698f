/** S3: acts of operators, each with a row in the registry's record. */
import { MultiOutboxError } from '../../../../src/errors.ts';
import { actorOf, auditRow, createAudited } from '../../../../src/fleet/messages/audited.ts';
import { auditedLeases, auditedTenants } from '../../../../src/fleet/messages/audited-face.ts';
import { registeredTenants, type Tenants } from '../../../../src/fleet/tenants/registered-tenants.ts';
import { createLeases } from '../../../../src/lease/leases.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();

async function scene() {
  const engine = place.engine();
  const registry = await place.registry(engine);
  const logger = recordingLogger();
  const audited = createAudited(async () => registry, logger);
  const rows = async () => (await registry.audit.list({ limit: 100 })).map(auditRow).reverse();
  return { engine, registry, logger, audited, rows };
}

const act = { actor: 'ada', act: 'discard', selection: { n: 1 } } as const;

describe('the row of an act (S3)', () => {
  test('S3: it says who, what and how many, and when it began and ended', async () => {
    const { audited, rows } = await scene();
    const where = { tenantId: 'acme', queue: 'outbox' } as const;
    expect(
      await audited(
        { ...act, ...where },
        async () => 'abc',
        ({ length }) => length,
      ),
    ).toBe('abc');
    const [row] = await rows();
    expect(row).toEqual({
      id: expect.any(String),
      ...act,
      ...where,
      operationId: null,
      startedUtc: expect.stringMatching(/Z$/),
      endedUtc: expect.stringMatching(/Z$/),
      count: 3,
      error: null,
    });
  });

  test('S3: while the act is under way it has no end', async () => {
    const { audited, rows } = await scene();
    await audited(
      act,
      async () => {
        expect(await rows()).toMatchObject([{ endedUtc: null, count: null, error: null }]);
      },
      () => 0,
    );
  });

  test('S3: an act that fails has its error, of at most 1,000 characters, and fails', async () => {
    const { audited, rows } = await scene();
    const error = new MultiOutboxError('MESSAGE_CHANGED', 'x'.repeat(2_000));
    await expect(
      audited(
        act,
        () => Promise.reject(error),
        () => 1,
      ),
    ).rejects.toBe(error);
    const [row] = await rows();
    expect(row).toMatchObject({ count: null, endedUtc: expect.any(String) });
    expect(row!.error).toBe(`MESSAGE_CHANGED: ${'x'.repeat(983)}`);
  });

  test('S3: an act whose end cannot be written is done, and the log says so', async () => {
    const { registry, logger, audited, rows } = await scene();
    jest.spyOn(registry.audit, 'end').mockRejectedValue(new Error('away'));
    expect(
      await audited(
        act,
        async () => 7,
        () => 1,
      ),
    ).toBe(7);
    const [row] = await rows();
    expect(row!.endedUtc).toBeNull();
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { auditId: row!.id, act: 'discard', error: 'INTERNAL' } },
    ]);
    const failure = new Error('it failed');
    await expect(
      audited(
        act,
        () => Promise.reject(failure),
        () => 1,
      ),
    ).rejects.toBe(failure);
  });

  test('S3: an act whose row cannot be written is not done', async () => {
    const { registry, audited } = await scene();
    await registry.close();
    const work = jest.fn();
    await expect(audited(act, work, () => 1)).rejects.toMatchObject({ code: 'CLOSED' });
    expect(work).not.toHaveBeenCalled();
  });
});

describe('who acts (S3)', () => {
  test('S3: the one that the call names, or else the one of the instance', () => {
    expect([actorOf('c', 'grace', 'ada'), actorOf('c', undefined, 'ada')]).toEqual(['grace', 'ada']);
    expect(actorOf('c', 'x'.repeat(200), 'ada')).toHaveLength(200);
  });

  test.each([[''], ['  '], ['x'.repeat(201)], ['\ud83d'], [7], [['ada']]])('S3: not %j', (by) => {
    expect(() => actorOf('messages.act', by as never, 'ada')).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: "messages.act: 'by' must be text of 1 to 200 characters that names who acts.",
      }),
    );
  });
});

describe('acts on tenants (S3)', () => {
  async function administration() {
    const { engine, registry, audited, rows } = await scene();
    const tenants = registeredTenants(
      { ready: async () => ({ engine, registry }), remember: () => {} },
      true,
    );
    const wake = jest.fn(async (id: string) => ({ ...(await tenants.get(id)), inFlight: false }));
    return { tenants: auditedTenants({ ...tenants, wake } as Tenants, audited, 'ada'), rows };
  }

  test('S3: each has a row with its name, its tenant and who acts', async () => {
    const { tenants, rows } = await administration();
    await tenants.add({ id: 'acme' });
    expect(await tenants.pause('acme')).toMatchObject({ status: 'paused' });
    expect(await tenants.resume('acme', { by: 'grace' })).toMatchObject({ status: 'active' });
    expect(await tenants.wake('acme')).toMatchObject({ id: 'acme', inFlight: false });
    expect(await tenants.change({ id: 'acme', priority: 5 }, { by: 'grace' })).toMatchObject({ priority: 5 });
    expect(await tenants.remove('acme')).toMatchObject({ status: 'retired' });
    const shown = (await rows()).map(({ act, actor, tenantId, count }) => [act, actor, tenantId, count]);
    expect(shown).toEqual([
      ['tenant-pause', 'ada', 'acme', 1],
      ['tenant-resume', 'grace', 'acme', 1],
      ['tenant-wake', 'ada', 'acme', 1],
      ['tenant-change', 'grace', 'acme', 1],
      ['tenant-remove', 'ada', 'acme', 1],
    ]);
  });

  test('S3: a change shows the definition without tags, the name of a secret, and a database that was not named', async () => {
    const { tenants, rows } = await administration();
    await tenants.add({ id: 'acme' });
    await tenants.change({ id: 'acme', tags: { a: 'b' } });
    await tenants.change({ id: 'acme', database: 'own.db', auth: { kind: 'setting', name: 'SQL_ACME' } });
    const [first, second] = (await rows()).map(({ selection }) => selection);
    expect(first).toMatchObject({ priority: 0, auth: 'managed-identity' });
    for (const name of ['id', 'tags', 'database']) expect(first).not.toHaveProperty(name);
    expect(second).toMatchObject({ database: 'own.db', auth: 'setting' });
    expect(JSON.stringify(second)).not.toContain('SQL_ACME');
  });

  test('S3: a change to some overrides shows what was asked for, and whether it changed anything', async () => {
    const { tenants, rows } = await administration();
    await tenants.add({ id: 'acme' });
    const change = { batchSize: 50, concurrency: null, idleCeilingMs: '90s' };
    expect(await tenants.changeOverrides('acme', change, { by: 'grace' })).toMatchObject({ changed: true });
    expect(await tenants.changeOverrides('acme', change)).toMatchObject({ changed: false });
    await expect(tenants.changeOverrides('nobody', change)).rejects.toMatchObject({ code: 'UNKNOWN_TENANT' });
    // What is refused as a call has no row.
    await expect(tenants.changeOverrides('acme', {})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(tenants.changeOverrides(7 as never, change)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const act = 'tenant-change';
    const selection = { overrides: { batchSize: 50, concurrency: null, idleCeilingMs: 90_000 } };
    expect(await rows()).toMatchObject([
      { act, actor: 'grace', tenantId: 'acme', count: 1, selection },
      { act, actor: 'ada', tenantId: 'acme', count: 0, selection },
      { act, tenantId: 'nobody', count: null, error: expect.stringMatching(/^UNKNOWN_TENANT/) },
    ]);
  });

  test('S3: an id that no tenant can have is cut in the record', async () => {
    const { tenants, rows } = await administration();
    const id = `${'x'.repeat(63)}yz`;
    await expect(tenants.pause(id)).rejects.toMatchObject({ code: 'UNKNOWN_TENANT' });
    expect(await rows()).toMatchObject([{ tenantId: id.slice(0, 64), count: null }]);
  });

  test('S3: an id that is not text, and options that are not known, are refused without a row', async () => {
    const { tenants, rows } = await administration();
    await expect(tenants.pause(7 as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const calls = ['pause', 'resume', 'remove', 'wake'] as const;
    for (const call of calls)
      await expect(tenants[call]('acme', { reason: 'x' } as never)).rejects.toMatchObject({
        message: expect.stringMatching(new RegExp(`^tenants.${call}: .*'reason'`)),
      });
    await expect(tenants.change({ id: 'acme' }, { reason: 'x' } as never)).rejects.toMatchObject({
      message: expect.stringMatching(/^tenants.change: .*'reason'/),
    });
    expect(await rows()).toEqual([]);
  });
});

describe('released leases (S3)', () => {
  async function holding(tenantId?: string) {
    const { registry, audited, rows, logger } = await scene();
    const leases = createLeases({
      use: (action) => action(registry.leases),
      tenantId,
      owner: 'host-1',
      closed: new AbortController().signal,
      logger,
    });
    const released: string[] = [];
    const face = auditedLeases(leases, tenantId, audited, 'ada', async (name) => void released.push(name));
    return { registry, face, released, rows };
  }

  test('S3: each has a row; only one that was held is reported', async () => {
    const { registry, face, released, rows } = await holding('acme');
    await registry.leases.acquire({ name: 'report', owner: 'host-2', durationMs: 60_000 });
    expect(await face.release('report', { by: 'grace' })).toMatchObject({ owner: 'host-2' });
    expect(await face.release('report')).toBeNull();
    expect(released).toEqual(['report']);
    expect(await rows()).toMatchObject([
      { act: 'lease-release', actor: 'grace', tenantId: 'acme', selection: { name: 'report' }, count: 1 },
      { act: 'lease-release', actor: 'ada', tenantId: 'acme', selection: { name: 'report' }, count: 0 },
    ]);
  });

  test('S3: a lease of the registry belongs to no tenant', async () => {
    const { face, rows } = await holding();
    await face.release('plan');
    expect(await rows()).toMatchObject([{ tenantId: null, count: 0 }]);
  });

  test('S3: a name that is not text, and options that are not known, are refused without a row', async () => {
    const { face, rows } = await holding();
    await expect(face.release(7 as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: "leases.release: a lease's name must be text, got 7.",
    });
    await expect(face.release('report', { reason: 'x' } as never)).rejects.toMatchObject({
      message: expect.stringMatching(/^leases.release: .*'reason'/),
    });
    expect(await rows()).toEqual([]);
  });

  test('S3: a name that no lease can have is cut in the record', async () => {
    const { face, rows } = await holding();
    const name = `${'x'.repeat(199)}yz`;
    await face.release(name).catch(() => {});
    expect(await rows()).toMatchObject([{ selection: { name: name.slice(0, 200) } }]);
  });
});
