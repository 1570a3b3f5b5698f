/** Handlers of a function app whose work is one line in a file, so that many messages take little time. */
import { appendFileSync } from 'node:fs';
import { defineHandler } from '../../../src/queue/handler.ts';

export function createHandlers() {
  return [
    defineHandler({
      topic: 'append',
      handle({ payload }, { tenant }) {
        appendFileSync(process.env.MULTI_OUTBOX_TEST_EFFECTS!, `${tenant.id} ${payload}\n`);
      },
    }),
  ];
}
