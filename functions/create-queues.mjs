// Creates the queues that the functions listen to; in Azure, infra/ creates them.
import { QueueServiceClient } from '@azure/storage-queue';

/** @param {string} connectionString of a storage account, such as UseDevelopmentStorage=true */
export async function createQueues(connectionString) {
  const service = QueueServiceClient.fromConnectionString(connectionString, {
    retryOptions: { maxTries: 2 },
  });
  const names = ['dispatch', 'pages', 'wake'].map((name) => `multi-outbox-${name}`);
  for (const name of names.flatMap((queue) => [queue, `${queue}-poison`])) {
    await service.getQueueClient(name).createIfNotExists();
  }
}
