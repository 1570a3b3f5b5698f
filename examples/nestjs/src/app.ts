import { type DynamicModule, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { defineHandler } from 'multi-outbox';
import { MultiOutboxModule } from './multi-outbox.module.ts';
import { SHOP_FILE, Shop } from './shop.ts';
import { UsersController } from './users.controller.ts';

@Module({})
class AppModule {}

/** Greets a user, at least once; if it fails, it is called again later. */
export type Welcome = (name: string) => void | Promise<void>;

/** Dispatches the messages of users who signed up. */
export const welcomeHandler = (welcome: Welcome) =>
  defineHandler({ topic: 'welcome', handle: ({ payload }) => welcome(payload) });

/** @param file the SQLite database, which is made if it is missing */
export function createApp(file: string, welcome: Welcome): Promise<INestApplication> {
  const outbox = MultiOutboxModule.forRoot({
    tenants: [{ id: 'shop', database: file }],
    handlers: [welcomeHandler(welcome)],
  });
  const module: DynamicModule = {
    module: AppModule,
    imports: [outbox],
    providers: [{ provide: SHOP_FILE, useValue: file }, Shop],
    controllers: [UsersController],
  };
  return NestFactory.create(module, { logger: ['error'] });
}
