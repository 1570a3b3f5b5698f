/** `POST /users/NAME` signs a user up: 202, or 409 if the name is taken. */
import { createServer, type Server } from 'node:http';
import type { Shop } from './shop.ts';

export function createShopServer(shop: Shop): Server {
  return createServer(async (request, response) => {
    const [, name] = request.url?.match(/^\/users\/([^/]+)$/) ?? [];
    if (request.method !== 'POST' || name === undefined) {
      response.writeHead(404).end();
      return;
    }
    try {
      await shop.signUp(decodeURIComponent(name));
      response.writeHead(202).end();
    } catch (error) {
      const isTaken = error instanceof Error && error.message.startsWith('UNIQUE constraint failed');
      if (!isTaken) console.error(error);
      response.writeHead(isTaken ? 409 : 500).end();
    }
  });
}
