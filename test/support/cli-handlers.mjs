// Handlers for tests of the command line: each topic misbehaves in its own way. Handlers write each message that they have
// handled to a file.
import { appendFileSync } from 'node:fs';
import { defineHandler, PermanentError } from 'multi-outbox';

const once = { maxAttempts: 1 };
const done = ({ topic, messageId, payload }, { tenant, attempt }) =>
  appendFileSync(
    'done.ndjson',
    `${JSON.stringify({ tenant: tenant.id, topic, messageId, payload, attempt })}\n`,
  );

export default [
  defineHandler({ topic: 'note', handle: done }),
  defineHandler({
    topic: 'throws.string',
    retry: once,
    handle() {
      throw 'no Error, just text';
    },
  }),
  defineHandler({
    topic: 'throws.permanent',
    handle() {
      throw new PermanentError('never \u001b[31m in red');
    },
  }),
  defineHandler({ topic: 'never.ends', timeoutMs: 200, retry: once, handle: () => new Promise(() => {}) }),
  defineHandler({
    topic: 'exits',
    handle(message, context) {
      if (context.attempt === 1) process.exit(0);
      done(message, context);
    },
  }),
  defineHandler({
    topic: 'rejects.unseen',
    handle(message, context) {
      Promise.reject(new Error('nobody waits for this'));
      done(message, context);
    },
  }),
  defineHandler({
    topic: 'throws.later',
    async handle(message, context) {
      setTimeout(() => {
        throw new Error('thrown in a timer');
      }, 1);
      await new Promise((resolve) => setTimeout(resolve, 100));
      done(message, context);
    },
  }),
  defineHandler({
    topic: 'slow',
    async handle(message, context) {
      appendFileSync('started.ndjson', `${JSON.stringify({ messageId: message.messageId })}\n`);
      await new Promise((resolve) => setTimeout(resolve, Number(message.payload)));
      done(message, context);
    },
  }),
];
