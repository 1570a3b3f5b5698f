/** Reads storage queues as the host does: batches, retries by visibility, poison queues. */
import { setTimeout as pause } from 'node:timers/promises';
import { QueueServiceClient } from '@azure/storage-queue';

/** How host.json's `messageEncoding` writes and reads the text of a message; `decode` gives null for what it cannot read. */
const encodings = {
  none: { encode: (text) => text, decode: (text) => text },
  base64: {
    encode: (text) => Buffer.from(text).toString('base64'),
    decode(text) {
      const bytes = Buffer.from(text, 'base64');
      return bytes.toString('base64') === text ? bytes.toString() : null;
    },
  },
};

/** The shortest pause between two reads of an empty queue, which suits a test. */
const shortestPauseMs = 10;
const longestPauseMs = 160;

/**
 * @param settings of host.json's extensions.queues, and `hiddenSeconds`: how long a message stays hidden after its worker
 * was killed, or after it has failed on a poison queue. The real host's ten minutes are too long for a test.
 */
export class Queues {
  #service;
  #settings;
  #encoding;
  #clients = new Map();
  #stopped = false;
  #listeners = [];
  #following = new Set();
  /** How many calls were made to the service. */
  requests = 0;
  /** How many messages were put into each queue. */
  sent = {};

  constructor(connectionString, settings) {
    this.#service = QueueServiceClient.fromConnectionString(connectionString);
    this.#settings = settings;
    this.#encoding = encodings[settings.messageEncoding ?? 'base64'];
  }

  /** A queue to send to. The host creates it if it is missing; it does not create a queue that it only listens to. */
  #client(queueName) {
    if (!this.#clients.has(queueName)) {
      const client = this.#service.getQueueClient(queueName);
      this.#clients.set(
        queueName,
        client.createIfNotExists().then(() => client),
      );
    }
    return this.#clients.get(queueName);
  }

  /** Sends the messages one after another, as an output binding does. */
  async send(messages) {
    for (const { queueName, text } of messages) {
      const client = await this.#client(queueName);
      this.requests++;
      await client.sendMessage(this.#encoding.encode(text));
      this.sent[queueName] = (this.sent[queueName] ?? 0) + 1;
    }
  }

  /** @param {(text: string, metadata: object) => Promise<{error?: Error, outputs: object[]}>} handle */
  listen(queueName, handle) {
    this.#listeners.push(this.#poll(queueName, handle));
  }

  async #poll(queueName, handle) {
    const { batchSize, newBatchThreshold, hiddenSeconds } = this.#settings;
    const client = this.#service.getQueueClient(queueName);
    const working = new Set();
    let pauseMs = shortestPauseMs;
    while (!this.#stopped && !(await client.exists())) await pause(longestPauseMs);
    while (!this.#stopped) {
      if (working.size > newBatchThreshold) {
        await Promise.race(working);
        continue;
      }
      this.requests++;
      const { receivedMessageItems } = await client.receiveMessages({
        numberOfMessages: batchSize,
        visibilityTimeout: hiddenSeconds,
      });
      for (const message of receivedMessageItems) {
        const work = this.#work(client, queueName, message, handle).finally(() => working.delete(work));
        working.add(work);
      }
      pauseMs = receivedMessageItems.length > 0 ? shortestPauseMs : Math.min(2 * pauseMs, longestPauseMs);
      if (receivedMessageItems.length === 0) await pause(pauseMs);
    }
    await Promise.all(working);
  }

  async #work(client, queueName, message, handle) {
    const { maxDequeueCount, visibilityTimeout } = this.#settings;
    const { messageId, messageText, dequeueCount, expiresOn } = message;
    let { popReceipt } = message;
    // The host keeps a message hidden until the function has ended and its outputs are sent.
    let renewing = Promise.resolve();
    const renewal = setInterval(() => {
      renewing = client
        .updateMessage(messageId, popReceipt, messageText, this.#settings.hiddenSeconds)
        .then((renewed) => {
          popReceipt = renewed.popReceipt;
        })
        .catch(() => {});
    }, this.#settings.hiddenSeconds * 400);
    const isPoison = queueName.endsWith('-poison');
    const text = this.#encoding.decode(messageText);
    // No function runs for a text that the host cannot read.
    const { error, outputs } =
      text === null
        ? { error: new Error('The text is not in the encoding of host.json.') }
        : await handle(text, {
            id: { string: messageId },
            dequeueCount: { int: dequeueCount },
            expirationTime: { json: JSON.stringify(expiresOn) },
          });
    const follow = async () => {
      this.requests++;
      if (error === undefined) await this.send(outputs);
      clearInterval(renewal);
      await renewing;
      if (error === undefined) {
        await client.deleteMessage(messageId, popReceipt);
      } else if (isPoison) {
        // A poison queue has no poison queue: the host leaves the message hidden.
      } else if (text === null || dequeueCount >= maxDequeueCount) {
        const poison = await this.#client(`${queueName}-poison`);
        await poison.sendMessage(messageText);
        await client.deleteMessage(messageId, popReceipt);
      } else {
        await client.updateMessage(messageId, popReceipt, messageText, visibilityTimeout);
      }
    };
    const following = follow().finally(() => this.#following.delete(following));
    this.#following.add(following);
    await following;
  }

  /** Resolves when the outputs of all functions are sent. */
  async answered() {
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(this.#following);
  }

  async stop() {
    this.#stopped = true;
    await Promise.all(this.#listeners);
  }
}
