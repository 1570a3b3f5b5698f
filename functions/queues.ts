/** The storage queues between the functions. infra/ creates them; the host creates missing ones. */
import { output } from '@azure/functions';

/** The app setting, or the prefix of a group of settings, that names the storage account of the queues. */
export const connection = 'AzureWebJobsStorage';

export const queueNames = {
  dispatch: 'multi-outbox-dispatch',
  pages: 'multi-outbox-pages',
  wake: 'multi-outbox-wake',
  /** The host moves a failing message to this name. The functions send unreadable requests here at once, with the reason. */
  poison: 'multi-outbox-dispatch-poison',
} as const;

const to = (queueName: string) => output.storageQueue({ queueName, connection });

/** An array becomes one message for each of its elements. */
export const toDispatch = to(queueNames.dispatch);
export const toPages = to(queueNames.pages);
export const toPoison = to(queueNames.poison);
