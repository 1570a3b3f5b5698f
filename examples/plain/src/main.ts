import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createShopServer } from './server.ts';
import { openShop } from './shop.ts';

const shop = await openShop('shop.db', (name) => console.log(`shop welcomes ${name}`));
const server = createShopServer(shop).listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
await once(server, 'listening');

/** First the requests end, then the dispatching. */
async function stopAll(): Promise<void> {
  server.close();
  await once(server, 'close');
  await shop.stop();
}
let stopped: Promise<void> | undefined;
/** Both signals may come, but the shop is closed once. */
function stop(): Promise<void> {
  stopped ??= stopAll();
  return stopped;
}
shop.running.catch(stop); // stop() then rejects with the error, which ends the process
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);

console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
