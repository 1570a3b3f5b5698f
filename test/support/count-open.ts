import type { Engine, TenantAddress } from '../../src/engine/engine.ts';

/** The engine, and the most tenant databases of it that were open at once. */
export function countOpen(engine: Engine): { engine: Engine; most: () => number } {
  let open = 0;
  let most = 0;
  const counting: Engine = Object.assign(Object.create(engine), {
    openTenant(address: TenantAddress) {
      const database = engine.openTenant(address);
      most = Math.max(most, ++open);
      const close = async () => {
        // The others that may be open at the same time are opened by then.
        await new Promise((resolve) => setImmediate(resolve));
        open--;
        await database.close();
      };
      return Object.assign(Object.create(database), {
        schema: database.schema,
        leases: database.leases,
        close,
      });
    },
  });
  return { engine: counting, most: () => most };
}
