/** `POST /orders/ID` with `{"cents":1200}` places an order: 202, or 409 if the id is taken. */
import express, { type ErrorRequestHandler, type Express } from 'express';
import type { Shop } from './shop.ts';

export function createApp(shop: Shop): Express {
  const app = express();
  app.use(express.json());
  app.post('/orders/:id', async (request, response) => {
    const cents: unknown = request.body?.cents;
    if (typeof cents !== 'number' || !Number.isInteger(cents)) {
      response.status(400).end();
      return;
    }
    await shop.place({ id: request.params.id, cents });
    response.status(202).end();
  });
  // Express 5 passes on what a route rejects with.
  const onError: ErrorRequestHandler = (error, _request, response, next) => {
    if (error?.code === 'P2002') response.status(409).end();
    else next(error);
  };
  app.use(onError);
  return app;
}
