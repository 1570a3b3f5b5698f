import 'reflect-metadata';
import { createApp } from './app.ts';

const app = await createApp('shop.db', (name) => console.log(`shop welcomes ${name}`));
app.enableShutdownHooks(); // SIGTERM stops the requests, and then the dispatching
await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
console.log(await app.getUrl());
