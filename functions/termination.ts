/**
 * The end of an instance. The host gives notice some seconds ahead; runs then stop claiming, settle finished messages,
 * release the others and report (D5). Correctness does not depend on it: the lease recovers a killed instance's work.
 */
import { app } from '@azure/functions';

/** The host gives all hooks together five seconds, and then kills the process. */
const hooksMs = 4_800;
/** The part of that time that is left for the work after the runs. */
const afterRunsMs = 600;

export interface Termination {
  /** Aborts when the instance is about to end. Pass it to every run. */
  readonly signal: AbortSignal;
  /** Adds work for the time after the runs. It is cut after about half a second, or later if the runs ended early. */
  afterRuns(work: () => Promise<unknown>): void;
}

export function registerTermination(): Termination {
  const controller = new AbortController();
  const running = new Set<Promise<unknown>>();
  const afterRuns: (() => Promise<unknown>)[] = [];

  app.hook.preInvocation((hook) => {
    const { functionHandler } = hook;
    hook.functionHandler = async (...args) => {
      const ended = Promise.resolve(functionHandler(...args));
      const noticed = ended.catch(() => {}).finally(() => running.delete(noticed));
      running.add(noticed);
      return ended;
    };
  });

  // One hook for all of it: the host calls hooks one after another.
  app.hook.appTerminate(async () => {
    const deadline = performance.now() + hooksMs;
    controller.abort(new Error('The function app is stopping.'));
    await settled([...running], deadline - afterRunsMs);
    await settled(
      afterRuns.map((work) => work()),
      deadline,
    );
  });

  return {
    signal: controller.signal,
    afterRuns: (work) => {
      afterRuns.push(work);
    },
  };
}

/** Waits until all promises have settled, at most until this time of `performance.now()`. */
async function settled(promises: readonly Promise<unknown>[], deadline: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, deadline - performance.now());
  });
  await Promise.race([Promise.allSettled(promises), timeout]);
  clearTimeout(timer);
}
