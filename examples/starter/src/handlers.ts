import { defineHandler } from 'multi-outbox';
import * as v from 'valibot';

/** Dispatches the messages of one topic, of every tenant. Throw an error to have a message tried again. */
export const welcome = defineHandler({
  topic: 'welcome',
  schema: v.object({ name: v.string() }),
  handle: ({ data }, { tenant }) => console.log(`${tenant.id} welcomes ${data.name}`),
});

export default [welcome];
