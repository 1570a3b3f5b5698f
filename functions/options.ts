/** What an app gives to `registerFunctions`, and how it is checked. */
import {
  type Directory,
  type Handler,
  loadSettings,
  MultiOutboxError,
  type Settings,
  type SettingsInput,
  type Strategy,
  type TenantInput,
  type WebhookSource,
} from '../src/index.ts';
import { createSources } from '../src/sources/index.ts';

/**
 * The app's own parts, and settings of docs/configuration.md that stand before its app settings. An app setting that is
 * left out here can still be given as `MULTI_OUTBOX_…`.
 */
export interface RegisterFunctionsOptions extends SettingsInput {
  /** At least one. A function gets the checked settings, when the app starts. */
  readonly handlers: readonly Handler[] | ((settings: Settings) => readonly Handler[]);
  /** Who may send to receive/<tenant>/<source>; those of the setting `receive.sources` when absent. */
  readonly sources?: readonly WebhookSource[] | ((settings: Settings) => readonly WebhookSource[]);
  /**
   * Where the tenants are listed. Absent: the registry. The registry is kept in line with a directory or a list: every
   * instance of the app must find the same schedule there.
   */
  readonly tenants?: Directory | readonly TenantInput[];
  /** Which due tenants are served first (F4); the setting `plan.strategy` when absent. */
  readonly strategy?: Strategy;
}

/** The options, checked as far as they can be without the app settings. */
export interface AppOptions {
  readonly handlers: (settings: Settings) => readonly Handler[];
  readonly sources: (settings: Settings) => readonly WebhookSource[];
  readonly tenants: Directory | undefined;
  readonly strategy: Strategy | undefined;
  readonly settings: SettingsInput;
}

/** @throws MultiOutboxError INVALID_CONFIGURATION */
export function checkedOptions(options: RegisterFunctionsOptions): AppOptions {
  if (typeof options !== 'object' || options === null) {
    throw refusal('it takes an object, such as { handlers: [invoiceCreate] }');
  }
  const { handlers, sources = createSources, tenants, strategy, ...settings } = options;
  if (handlers === undefined || (Array.isArray(handlers) && handlers.length === 0)) {
    throw refusal("'handlers' is missing or empty; give what defineHandler returns, one for each topic");
  }
  if (strategy !== undefined && typeof strategy?.choose !== 'function') {
    throw refusal("'strategy' must be an object with a name and a function choose, such as roundRobin()");
  }
  if (
    tenants !== undefined &&
    !Array.isArray(tenants) &&
    typeof (tenants as Directory)?.read !== 'function'
  ) {
    throw refusal("'tenants' must be a list of tenants, or a directory: { name, read }");
  }
  // What is wrong in the code is told to whoever deploys it; app settings may be mended later.
  loadSettings(settings, {});
  return {
    handlers: checkedList<Handler>('handlers', handlers, isHandler, 'made by defineHandler'),
    sources: checkedList<WebhookSource>(
      'sources',
      sources,
      isSource,
      'an object with a name and a function verify',
    ),
    tenants: Array.isArray(tenants) ? directoryOf(tenants) : (tenants as Directory | undefined),
    strategy,
    settings,
  };
}

function checkedList<Item>(
  name: string,
  given: readonly Item[] | ((settings: Settings) => readonly Item[]),
  isItem: (item: Item) => boolean,
  kind: string,
): (settings: Settings) => readonly Item[] {
  function checked(list: readonly Item[]): readonly Item[] {
    if (!Array.isArray(list))
      throw refusal(`'${name}' must be a list, or a function that returns one at once`);
    const wrong = list.findIndex((item) => !isItem(item));
    if (wrong !== -1) throw refusal(`'${name}' holds something at index ${wrong} that is not ${kind}`);
    return list;
  }
  if (typeof given === 'function') return (settings) => checked(given(settings));
  const list = checked(given);
  return () => list;
}

function isHandler(item: Handler | null): boolean {
  return typeof item?.handle === 'function' && typeof item.topic === 'string' && item.queue !== undefined;
}

function isSource(item: WebhookSource | null): boolean {
  return typeof item?.verify === 'function' && typeof item.name === 'string';
}

/** A list that the code holds: the same at every reading. */
function directoryOf(tenants: readonly TenantInput[]): Directory {
  return { name: 'registerFunctions', read: () => tenants };
}

function refusal(problem: string): MultiOutboxError {
  return new MultiOutboxError('INVALID_CONFIGURATION', `registerFunctions: ${problem}.`);
}
