import { Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { Shop } from './shop.ts';

@Controller('users')
export class UsersController {
  readonly #shop: Shop;

  constructor(@Inject(Shop) shop: Shop) {
    this.#shop = shop;
  }

  @Post(':name')
  @HttpCode(202)
  signUp(@Param('name') name: string): Promise<void> {
    return this.#shop.signUp(name);
  }
}
