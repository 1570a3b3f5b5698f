/** A shop on Prisma. It stores an order and its message in one transaction, and dispatches the message after the commit. */
import { PrismaLibSql } from '@prisma/adapter-libsql';
import { createMultiOutbox, defineHandler } from 'multi-outbox';
import { PrismaClient } from './generated/client.ts';

export interface Order {
  readonly id: string;
  readonly cents: number;
}

export interface Shop {
  /** Stores the order and the message, or neither. Rejects with Prisma's P2002 if the id is taken. */
  place(order: Order): Promise<void>;
  /** Rejects if the dispatching fails. */
  readonly running: Promise<void>;
  /** Lets running handlers end, returns the other messages, and closes the database. */
  stop(): Promise<void>;
}

/** Sends an order, at least once; if it fails, it is called again later. */
export type Ship = (order: Order) => void | Promise<void>;

/** Dispatches the messages of orders. */
export const orderPlaced = (ship: Ship) =>
  defineHandler({ topic: 'order.placed', handle: ({ payload }) => ship(JSON.parse(payload)) });

/** The message of an order. */
export const placed = (order: Order) => ({ topic: 'order.placed', payload: order, dedupKey: order.id });

/** @param file the database, which has the outbox's tables already */
export async function openPrisma(file: string): Promise<PrismaClient> {
  // The dispatcher writes to this file too. Without a timeout, a transaction fails at once while it writes.
  const adapter = new PrismaLibSql({ url: `file:${file}`, timeout: 5_000 });
  const prisma = new PrismaClient({ adapter });
  // A project of yours runs `prisma migrate deploy` here.
  await prisma.$executeRaw`CREATE TABLE IF NOT EXISTS Orders (Id TEXT NOT NULL PRIMARY KEY, Cents INTEGER NOT NULL)`;
  return prisma;
}

/** @param file the SQLite database, which is made if it is missing */
export async function openShop(file: string, ship: Ship): Promise<Shop> {
  const multiOutbox = createMultiOutbox({
    tenants: [{ id: 'shop', database: file }],
    handlers: [orderPlaced(ship)],
  });
  await multiOutbox.migrate(); // makes the table Outbox, among others, beside yours
  const prisma = await openPrisma(file);

  const stopping = new AbortController();
  const running = multiOutbox.run({ signal: stopping.signal });

  return {
    running,
    async place(order) {
      await prisma.$transaction(async (tx) => {
        await tx.order.create({ data: order });
        await multiOutbox.outbox('shop').enqueue(placed(order), { transaction: tx });
      });
      await multiOutbox.wake('shop'); // dispatch now, not at the next look
    },
    async stop() {
      stopping.abort();
      try {
        await running;
      } finally {
        await multiOutbox.close();
        await prisma.$disconnect();
      }
    },
  };
}
