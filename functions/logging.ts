/** The library's logger: it writes to the log of the current invocation. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { app, type InvocationContext } from '@azure/functions';
import type { LogFields, Logger } from '../src/index.ts';

const invocation = new AsyncLocalStorage<InvocationContext>();

export function registerLogging(): void {
  app.hook.preInvocation((hook) => {
    const { functionHandler, invocationContext } = hook;
    hook.functionHandler = (...args) => invocation.run(invocationContext, () => functionHandler(...args));
  });
}

/** Outside an invocation it writes to `console`, which the host logs as well. */
export const hostLogger: Logger = loggerWith({});

function loggerWith(own: LogFields): Logger {
  const line =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}) => {
      const all = { ...own, ...fields };
      const text = Object.keys(all).length === 0 ? message : `${message} ${JSON.stringify(all)}`;
      (invocation.getStore() ?? console)[level](text);
    };
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (fields) => loggerWith({ ...own, ...fields }),
  };
}
