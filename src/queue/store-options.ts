import { MultiOutboxError, shownValue } from '../errors.ts';
import { optionsOf } from '../options.ts';

/** The options that `enqueue` and `receive` share. */
export interface StoreOptions {
  readonly transaction?: unknown;
  readonly wake?: boolean;
}

/**
 * Checks the options of a call that stores messages, and fills in their defaults. A transaction that is given as
 * undefined is refused: its messages would be committed on their own.
 * @throws MultiOutboxError INVALID_ARGUMENT
 */
export function storeOptions(call: string, given: StoreOptions): Required<StoreOptions> {
  const options = optionsOf(call, given, { transaction: true, wake: true });
  const { transaction, wake = transaction === undefined } = options;
  if ('transaction' in options && (transaction === undefined || transaction === null)) {
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `${call}: 'transaction' is ${transaction}, so the messages would be committed on their own; give your open transaction, or leave the option out.`,
    );
  }
  if (typeof wake !== 'boolean') {
    throw new MultiOutboxError(
      'INVALID_ARGUMENT',
      `${call}: 'wake' must be true or false, got ${shownValue(wake)}.`,
    );
  }
  return { transaction, wake };
}
