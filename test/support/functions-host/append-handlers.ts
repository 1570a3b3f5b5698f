/** Handlers of a function app whose work is one line in a file, so that many messages take little time. */
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { defineHandler, type HandlerContext, type Message } from '../../../src/queue/handler.ts';

const effects = process.env.MULTI_OUTBOX_TEST_EFFECTS!;

function append({ payload }: Message, { tenant }: HandlerContext): void {
  appendFileSync(effects, `${tenant.id} ${payload}\n`);
}

export function createHandlers() {
  return [
    defineHandler({ topic: 'append', handle: append }),
    defineHandler({
      topic: 'append-when-told',
      async handle(message, context) {
        while (!existsSync(`${effects}.go`)) await pause(5);
        append(message, context);
      },
    }),
  ];
}
