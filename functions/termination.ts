/**
 * The end of an instance. The host gives notice some seconds ahead; runs then stop claiming, settle finished messages,
 * release the others and report (D5). Correctness does not depend on it: the lease recovers a killed instance's work.
 */
import { app } from '@azure/functions';

/** The host waits five seconds and then kills the process. */
const waitMs = 4_800;

/** Returns the signal that aborts when the instance is about to end. Pass it to every run. */
export function registerTermination(): AbortSignal {
  const controller = new AbortController();
  const running = new Set<Promise<unknown>>();

  app.hook.preInvocation((hook) => {
    const { functionHandler } = hook;
    hook.functionHandler = async (...args) => {
      const ended = Promise.resolve(functionHandler(...args));
      const noticed = ended.catch(() => {}).finally(() => running.delete(noticed));
      running.add(noticed);
      return ended;
    };
  });

  app.hook.appTerminate(async () => {
    controller.abort(new Error('The function app is stopping.'));
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise((resolve) => {
      timer = setTimeout(resolve, waitMs);
    });
    await Promise.race([Promise.all(running), timeout]);
    clearTimeout(timer);
  });
  return controller.signal;
}
