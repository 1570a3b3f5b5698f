import { type DynamicModule, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { defineHandler } from 'multi-outbox';
import { MultiOutboxModule } from './multi-outbox.module.ts';
import { SHOP_FILE, Shop } from './shop.ts';
import { UsersController } from './users.controller.ts';

@Module({})
class AppModule {}

/**
 * @param file the SQLite database, which is made if it is missing
 * @param welcome greets a user, at least once; if it fails, it is called again later
 */
export function createApp(
  file: string,
  welcome: (name: string) => void | Promise<void>,
): Promise<INestApplication> {
  const outbox = MultiOutboxModule.forRoot({
    tenants: [{ id: 'shop', database: file }],
    handlers: [defineHandler({ topic: 'welcome', handle: ({ payload }) => welcome(payload) })],
  });
  const module: DynamicModule = {
    module: AppModule,
    imports: [outbox],
    providers: [{ provide: SHOP_FILE, useValue: file }, Shop],
    controllers: [UsersController],
  };
  return NestFactory.create(module, { logger: ['error'] });
}
