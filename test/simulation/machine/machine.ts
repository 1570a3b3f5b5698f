/** Where a history takes place: the clock, and the files of the simulated processes. */
import { Databases } from './databases.ts';
import { limitDescriptors } from './descriptors.ts';
import { randomFor, seedRandomness } from './randomness.ts';
import { type Time, VirtualTime } from './time.ts';

export interface Machine {
  readonly time: Time;
  readonly databases: Databases;
  close(): void;
}

/** Replaces time and randomness of this Node process until it is closed, so that the seed decides the history. */
export function virtualMachine(seed: number): Machine {
  const restoreRandomness = seedRandomness(randomFor(seed, 'code under test'));
  const restoreDescriptors = limitDescriptors();
  const time = new VirtualTime();
  const databases = new Databases({ random: randomFor(seed, 'SQLite'), utc: () => time.utc });
  return {
    time,
    databases,
    close() {
      databases.close();
      time.close();
      restoreRandomness();
      restoreDescriptors();
    },
  };
}
