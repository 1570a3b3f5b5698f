import { writeSync } from 'node:fs';

const stopSignals = ['SIGINT', 'SIGTERM'] as const;

export interface StopWatch {
  /**
   * Aborts at the first SIGINT or SIGTERM, when standard output is closed, and when a parent process closes its IPC
   * channel to this process. On Windows only that channel lets one process ask another for a graceful stop.
   */
  readonly signal: AbortSignal;
  stop(reason: string): void;
  /** Removes the signal handlers. */
  dispose(): void;
}

/** The first signal asks for a graceful stop (D5); the second one ends the process at once. */
export function watchForStop(onStop: (reason: string) => void = () => {}): StopWatch {
  const controller = new AbortController();
  const stop = (reason: string) => {
    if (controller.signal.aborted) return;
    onStop(reason);
    controller.abort();
  };
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      writeSync(2, `A second ${name} stopped the process at once.\n`);
      process.exit(1);
    }
    stop(name);
  };
  const onOutputError = () => stop('standard output was closed');
  const onDisconnect = () => stop('the parent process closed the channel');
  for (const name of stopSignals) process.on(name, onSignal);
  process.on('disconnect', onDisconnect);
  process.stdout.on('error', onOutputError);
  return {
    signal: controller.signal,
    stop,
    dispose() {
      for (const name of stopSignals) process.off(name, onSignal);
      process.off('disconnect', onDisconnect);
      process.stdout.off('error', onOutputError);
    },
  };
}
