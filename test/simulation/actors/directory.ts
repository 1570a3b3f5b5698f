/** A user's own list of tenants, which sometimes fails, hangs or leaves a tenant out (F2). */
import type { TenantInput } from '../../../src/fleet/tenants/definition.ts';
import type { Directory } from '../../../src/fleet/tenants/directory-listing.ts';
import { SimulatedProcess } from '../machine/process.ts';
import type { World } from '../world.ts';

export function glitchingDirectory(world: World, inputs: readonly TenantInput[]): Directory {
  return {
    name: 'customers',
    async read(signal) {
      // The list comes from outside: a host that closes meanwhile has no timer of the directory's.
      await SimulatedProcess.current!.hears(world.random.pick([0, 5, 50]));
      const tenants = inputs.map((input) => world.definition(input));
      if (!world.strikes('directory glitches')) return tenants;
      switch (world.faults.random.pick(['fails', 'hangs', 'forgets', 'repeats', 'is empty'] as const)) {
        case 'fails':
          throw new Error('the directory does not answer');
        case 'hangs':
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          throw signal.reason;
        case 'forgets':
          return tenants.filter(() => world.faults.random.chance(0.7));
        case 'repeats':
          return [...tenants, ...tenants];
        case 'is empty':
          return [];
      }
    },
  };
}
