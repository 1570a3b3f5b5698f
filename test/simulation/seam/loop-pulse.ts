/**
 * The pulse that measures blocked event loops exists once in this Node process, and belongs to no simulated process. The
 * runs of a dead process leave it.
 */
import { type BeatingRun, loopPulse } from '../../../src/queue/loop-pulse.ts';
import { type Owned, SimulatedProcess } from '../machine/process.ts';

const entered = new WeakMap<BeatingRun, Owned>();
const enter = loopPulse.enter.bind(loopPulse);
const leave = loopPulse.leave.bind(loopPulse);

/** Call it once. */
export function ownLoopPulse(): void {
  loopPulse.enter = (run) => {
    const owner = SimulatedProcess.current;
    const membership: Owned = { abandon: () => leave(run) };
    entered.set(run, membership);
    owner?.owned.add(membership);
    SimulatedProcess.outside(() => enter(run));
  };
  loopPulse.leave = (run) => {
    const membership = entered.get(run);
    if (membership !== undefined) SimulatedProcess.current?.owned.delete(membership);
    leave(run);
  };
}
