/** F1, F6, F8: the identity of an address, and the effects of opening and closing. */

import { randomUUID } from 'node:crypto';
import { isMultiOutboxError } from '../../src/errors.ts';
import { countDead, discardDead, listDead, replayDead } from '../support/dead-letters.ts';
import { done, keep, message, payloads, settle, take } from './run.ts';
import type { Scene } from './scene.ts';

export function lifecycleSuite(scene: Scene): void {
  describe('lifecycle', () => {
    test('F1: two addresses have one key exactly when they mean one database', async () => {
      const { engine } = scene.stage;
      const one = await scene.newTenant();
      const two = await scene.newTenant();
      expect(engine.databaseKey(one)).toBe(engine.databaseKey({ ...one, id: 'other' }));
      expect(engine.databaseKey(one)).not.toBe(engine.databaseKey(two));
      const spellings = scene.stage.sameDatabase(one);
      expect(spellings.length).toBeGreaterThan(0);
      for (const spelling of spellings) expect(engine.databaseKey(spelling)).toBe(engine.databaseKey(one));
      expect(scene.anotherHost().databaseKey(one)).toBe(engine.databaseKey(one));
    });

    test('F1: the key of a database does not change when the database is created', async () => {
      const { engine } = scene.stage;
      const address = await scene.newTenant();
      const before = engine.databaseKey(address);
      await scene.open(address).schema.migrate();
      expect(engine.databaseKey(address)).toBe(before);
      for (const spelling of scene.stage.sameDatabase(address)) {
        expect(engine.databaseKey(spelling)).toBe(before);
      }
    });

    test('F1: every way to write an address reaches the same messages', async () => {
      const { address, queue } = await scene.queue('outbox');
      await queue.enqueue([message('A')]);
      for (const spelling of scene.stage.sameDatabase(address)) {
        expect(await scene.open(spelling).queue('outbox').statistics()).toMatchObject({ ready: 1 });
      }
    });

    test('F1: an address that does not fit the engine is refused', () => {
      const { engine, unfitAddress } = scene.stage;
      expect(() => engine.databaseKey(unfitAddress)).toThrow(
        expect.objectContaining({ code: 'INVALID_TENANT' }),
      );
    });

    test('F6: opening a tenant does not touch its database', async () => {
      const address = await scene.newTenant();
      const database = scene.open(address);
      expect(database.tenantId).toBe(address.id);
      expect(database.queue('inbox').name).toBe('inbox');
      await expect(scene.open(address).schema.version()).resolves.toBe(0);
    });

    test('F8: after close every call fails with CLOSED, and closing again has no effect', async () => {
      const { database, queue } = await scene.queue('outbox');
      await queue.enqueue([message('A')]);
      await database.close();
      await expect(database.close()).resolves.toBeUndefined();
      const closed = { code: 'CLOSED', tenantId: database.tenantId };
      const lease = { name: 'job', owner: 'host-1', fence: 1, acquisitionId: randomUUID() };
      const claim = { limit: 1, maxBytes: 1 };
      const calls = [
        () => queue.enqueue([message('B')]),
        () => queue.begin({ owner: 'host-1', durationMs: 1_000, claim }),
        () => settle(queue, lease, [], keep),
        () => queue.statistics(),
        () => queue.get('00000000-0000-4000-8000-000000000000'),
        () => listDead(queue, {}, { limit: 1 }),
        () => countDead(queue, {}),
        () => replayDead(queue, {}, 1),
        () => discardDead(queue, {}, 1),
        () => database.leases.acquire({ name: 'job', owner: 'host-1', durationMs: 1_000 }),
        () => database.leases.renew(lease, 1_000),
        () => database.leases.release(lease),
        () => database.leases.list(),
        () => database.schema.version(),
        () => database.schema.migrate(),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject(closed);
    });

    test('F8: one handle’s close leaves another handle of the same tenant working', async () => {
      const { address, database, queue } = await scene.queue('outbox');
      const second = scene.open(address);
      await second.queue('outbox').enqueue([message('A')]);
      await database.close();
      expect(payloads((await take(second.queue('outbox'))).messages)).toEqual(['A']);
      await expect(queue.statistics()).rejects.toMatchObject({ code: 'CLOSED' });
    });

    test('F8: closing the registry or the engine ends their calls', async () => {
      const { stage, registry } = await scene.registry();
      await registry.list();
      await registry.close();
      await expect(registry.close()).resolves.toBeUndefined();
      await expect(registry.list()).rejects.toMatchObject({ code: 'CLOSED' });
      await expect(registry.fleet()).rejects.toMatchObject({ code: 'CLOSED' });
      await expect(registry.leases.list()).rejects.toMatchObject({ code: 'CLOSED' });

      const address = await stage.newTenant('bare');
      const host = scene.anotherHost(stage);
      const database = host.openTenant(address);
      await database.schema.migrate();
      await host.close();
      await expect(host.close()).resolves.toBeUndefined();
      await expect(database.leases.list()).rejects.toMatchObject({ code: 'CLOSED' });
    });

    test('a database survives its closing, with all that is in it', async () => {
      const { address, database, queue } = await scene.queue('outbox');
      await queue.enqueue([message('A'), message('B')]);
      const run = await take(queue, { limit: 1 });
      await settle(queue, run.lease, run.messages.map(done));
      await database.close();
      const again = scene.open(address).queue('outbox');
      expect(await again.statistics()).toMatchObject({ ready: 1, done: 1 });
      expect(payloads((await take(again)).messages)).toEqual(['B']);
    });

    test('every error is a MultiOutboxError of one line', async () => {
      const { address } = await scene.tenant();
      const bare = await scene.newTenant();
      const failures = [
        () => scene.open(bare).queue('outbox').statistics(),
        () =>
          scene.stage.withoutTransaction(address, (idle) =>
            scene
              .open(address)
              .queue('outbox')
              .enqueue([message('A')], idle),
          ),
      ];
      for (const fail of failures) {
        const error = await fail().catch((thrown: unknown) => thrown);
        expect(isMultiOutboxError(error)).toBe(true);
        expect((error as Error).message).toMatch(/^[^\r\n]+$/);
      }
    });
  });
}
