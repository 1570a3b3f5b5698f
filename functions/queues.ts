/** The storage queues between the functions. infra/ creates them; the host creates what is missing. */
import { output } from '@azure/functions';

/** The app setting, or the group of settings with this prefix, that says which storage account holds the queues. */
export const connection = 'AzureWebJobsStorage';

export const queueNames = {
  dispatch: 'multi-outbox-dispatch',
  pages: 'multi-outbox-pages',
  wake: 'multi-outbox-wake',
  /** The host's own name for what it gives up; unreadable requests are put there at once, with the reason. */
  poison: 'multi-outbox-dispatch-poison',
} as const;

const to = (queueName: string) => output.storageQueue({ queueName, connection });

/** An array becomes one message for each of its elements. */
export const toDispatch = to(queueNames.dispatch);
export const toPages = to(queueNames.pages);
export const toPoison = to(queueNames.poison);
