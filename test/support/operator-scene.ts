/** The parts `messages` and `operations` of the library's interface, over a registry and some tenants. */
import { createAudited } from '../../src/fleet/messages/audited.ts';
import { auditedTenants } from '../../src/fleet/messages/audited-face.ts';
import { createMessages } from '../../src/fleet/messages/index.ts';
import { createOperations } from '../../src/fleet/stored-operations/index.ts';
import { tenantDefinition } from '../../src/fleet/tenants/definition.ts';
import { registeredTenants, type Tenants } from '../../src/fleet/tenants/registered-tenants.ts';
import { PermanentError } from '../../src/queue/handler.ts';
import { messages as numbered, orders, run } from './queue-run.ts';
import { recordingLogger } from './recording-logger.ts';
import type { SqlitePlace } from './sqlite-place.ts';

/** A fleet in whose databases these tenants exist. */
export async function operatorScene(place: SqlitePlace, ...ids: string[]) {
  const engine = place.engine();
  const registry = await place.registry(engine);
  const databases = new Map<string, Awaited<ReturnType<typeof place.tenant>>>();
  for (const id of ids) {
    await registry.add(tenantDefinition({ id }), `key-of-${id}`);
    databases.set(id, await place.tenant(id, engine));
  }
  const logger = recordingLogger();
  const woken: string[] = [];
  const used: string[] = [];
  const tenants = registeredTenants({ ready: async () => ({ engine, registry }), remember() {} }, true);
  const wake: Tenants['wake'] = async (id) => {
    woken.push(id);
    return { ...(await tenants.get(id)), inFlight: false };
  };
  const access: Omit<Parameters<typeof createMessages>[0], 'handlers'> = {
    registry: async () => registry,
    async useQueue(id, queue, action) {
      used.push(`${id} ${queue}`);
      const database = databases.get(id);
      if (database === undefined) throw new Error(`${id} is away`);
      return action(database.queue(queue));
    },
    wake: async (id) => void woken.push(id),
    audited: createAudited(async () => registry, logger),
    actor: 'ada',
    callbackLog: { logger, limit: { allows: () => true } },
  };
  const face = createMessages({ ...access, handlers: new Map() });
  const operations = createOperations({
    ...access,
    tenants: (audited) => auditedTenants({ ...tenants, wake }, audited, 'ada'),
  });
  const outbox = (id: string) => databases.get(id)!.queue('outbox');
  /** Messages that have died, so many of each tenant. */
  const dead = async (id: string, count: number) => {
    await outbox(id).enqueue(numbered(count));
    const refuse = orders(() => {
      throw new PermanentError('order refused');
    });
    await run(outbox(id), [refuse], { logsHandlerText: true });
  };
  const rows = async () => (await face.audit()).reverse();
  return { face, operations, tenants, registry, outbox, dead, woken, used, rows, logger };
}
