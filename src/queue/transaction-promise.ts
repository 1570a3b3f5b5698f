/**
 * The promise of `context.transaction`. It knows whether the handler waits for it: a transaction that failed and that nobody
 * awaited must fail the attempt, or the message would be Done without its effect.
 */
export class TransactionPromise<Result> extends Promise<Result> {
  #isAwaited = false;

  /** What `then` returns is a plain promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  static of<Result>(transacting: Promise<Result>): TransactionPromise<Result> {
    const promise = new TransactionPromise<Result>((resolve) => resolve(transacting));
    // Node would end the process for a rejection that nobody handles; the attempt fails with it.
    promise.#ignoreRejection();
    return promise;
  }

  /** Whether it was awaited, returned, or given a callback. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  // biome-ignore lint/suspicious/noThenProperty: whatever waits for a promise of this class calls this method
  override then<Fulfilled = Result, Rejected = never>(
    onFulfilled?: ((value: Result) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.#isAwaited = true;
    return super.then(onFulfilled, onRejected);
  }

  #ignoreRejection(): void {
    void super.then(undefined, () => {});
  }
}
