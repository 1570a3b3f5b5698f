/** Provides the outbox to the application, and dispatches as long as the application runs. */
import {
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { createMultiOutbox, type MultiOutbox, type MultiOutboxOptions } from 'multi-outbox';

/** `@Inject(MULTI_OUTBOX) private readonly multiOutbox: MultiOutbox` */
export const MULTI_OUTBOX = Symbol('multi-outbox');

/** Nest calls the first method when everything is ready, and the second after the server took its last request. */
@Injectable()
class Host implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  readonly #multiOutbox: MultiOutbox;

  // Compilers that emit no types of parameters for decorators need @Inject.
  constructor(@Inject(MULTI_OUTBOX) multiOutbox: MultiOutbox) {
    this.#multiOutbox = multiOutbox;
  }

  onApplicationBootstrap(): void {
    this.#running = this.#multiOutbox.run({ signal: this.#stopping.signal });
    this.#running.catch((error) => {
      console.error(error);
      process.kill(process.pid, 'SIGTERM');
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stopping.abort();
    try {
      await this.#running;
    } finally {
      await this.#multiOutbox.close();
    }
  }
}

@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: Nest wants a class
export class MultiOutboxModule {
  static forRoot(options: MultiOutboxOptions): DynamicModule {
    const useFactory = async () => {
      const multiOutbox = createMultiOutbox(options);
      await multiOutbox.migrate();
      return multiOutbox;
    };
    return {
      module: MultiOutboxModule,
      global: true,
      providers: [{ provide: MULTI_OUTBOX, useFactory }, Host],
      exports: [MULTI_OUTBOX],
    };
  }
}
