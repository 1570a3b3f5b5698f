/** File descriptors of the simulated processes: a process that has none left can open nothing. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { SimulatedProcess } from './process.ts';

/** Replaces `openSync` of this Node process. Returns a function that puts the real one back. */
export function limitDescriptors(): () => void {
  const { openSync } = fs;
  fs.openSync = (...given) => {
    if (SimulatedProcess.lacksDescriptors) {
      throw Object.assign(new Error('EMFILE: too many open files, open'), { code: 'EMFILE' });
    }
    return openSync(...given);
  };
  syncBuiltinESMExports();
  return () => {
    fs.openSync = openSync;
    syncBuiltinESMExports();
  };
}
