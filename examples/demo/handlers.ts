/** The demo's handlers, and an example of a module for `--handlers`: email.send, which can fail or wait on request. */
import { defineHandler, type Handler, type Settings } from 'multi-outbox';
import { emailSend } from 'multi-outbox/handlers';
import { demoHeaders } from './headers.ts';

export default function demoHandlers(settings: Settings): Handler[] {
  const email = emailSend(settings.email);
  return [
    defineHandler({
      topic: email.topic,
      schema: email.schema!,
      async handle(message, context) {
        const { headers } = message;
        if (context.attempt <= Number(headers[demoHeaders.failures] ?? 0)) {
          throw new Error(`the mail server of the demo is busy (attempt ${context.attempt})`);
        }
        await pause(Number(headers[demoHeaders.milliseconds] ?? 0), context.signal);
        await email.handle(message as never, context);
      },
    }),
  ];
}

/** Waits, but ends early when the run stops: a later run can send the mail. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
  });
}
