/**
 * The end of an instance. The host tells of it some seconds ahead: runs stop claiming, settle what is finished, give
 * back the rest and report (D5). Nothing depends on it: a killed instance's work is recovered by the lease.
 */
import { app } from '@azure/functions';

/** The host allows five seconds; then the process ends, whatever it is doing. */
const patienceMs = 4_800;

/** Returns what fires when the instance is about to end. Every run gets it. */
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
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, patienceMs);
    });
    await Promise.race([Promise.all(running), patience]);
    clearTimeout(timer);
  });
  return controller.signal;
}
