/** The options of `registerFunctions`, and their checks. */

import { isList, propertyOf } from '../src/errors.ts';
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
import { type NamesOf, optionsOf } from '../src/options.ts';
import { settingNames } from '../src/settings.ts';
import { createSources } from '../src/sources/index.ts';

/**
 * The app's own handlers, sources, tenants and strategy, and any settings of docs/configuration.md. A setting given
 * here overrides the app setting `MULTI_OUTBOX_…`; a setting left out here can still be an app setting.
 */
export interface RegisterFunctionsOptions extends SettingsInput {
  /** At least one handler, or a function that returns them. The app calls it at start with the checked settings. */
  readonly handlers: readonly Handler[] | ((settings: Settings) => readonly Handler[]);
  /** The sources that may send to receive/<tenant>/<source>. Default: those of the setting `receive.sources`. */
  readonly sources?: readonly WebhookSource[] | ((settings: Settings) => readonly WebhookSource[]);
  /**
   * Lists the tenants. Default: the registry. With a directory or a list, the app copies its tenants to the registry,
   * because all instances of the app share one schedule there.
   */
  readonly tenants?: Directory | readonly TenantInput[];
  /** Decides which due tenants are dispatched first (F4). Default: the setting `plan.strategy`. */
  readonly strategy?: Strategy;
}

/** The options after every check that needs no app settings. */
export interface AppOptions {
  readonly handlers: (settings: Settings) => readonly Handler[];
  readonly sources: (settings: Settings) => readonly WebhookSource[];
  readonly tenants: Directory | undefined;
  readonly strategy: Strategy | undefined;
  readonly settings: SettingsInput;
}

const optionNames: NamesOf<RegisterFunctionsOptions> = {
  handlers: true,
  sources: true,
  tenants: true,
  strategy: true,
  ...settingNames,
};

/** @throws MultiOutboxError INVALID_CONFIGURATION */
export function checkedOptions(options: RegisterFunctionsOptions): AppOptions {
  const {
    handlers,
    sources = createSources,
    tenants,
    strategy,
    ...settings
  } = optionsOf('registerFunctions', options, optionNames, 'INVALID_CONFIGURATION');
  if (handlers === undefined || (isList(handlers) && handlers.length === 0)) {
    throw refusal("'handlers' is missing or empty; give at least one handler made by defineHandler");
  }
  if (strategy !== undefined && typeof propertyOf(strategy, 'choose') !== 'function') {
    throw refusal("'strategy' must be an object with a name and a function choose, such as roundRobin()");
  }
  if (tenants !== undefined && !isList(tenants) && typeof propertyOf(tenants, 'read') !== 'function') {
    throw refusal("'tenants' must be a list of tenants or a directory { name, read }");
  }
  // An error in the code must fail the deployment now. App settings can be corrected later, so they are left out here.
  if (Object.keys(settings).length > 0) loadSettings(settings, {});
  return {
    handlers: checkedList<Handler>('handlers', handlers, isHandler, 'made by defineHandler'),
    sources: checkedList<WebhookSource>(
      'sources',
      sources,
      isSource,
      'an object with a name and a function verify',
    ),
    tenants: isList(tenants)
      ? directoryOf(tenants as readonly TenantInput[])
      : (tenants as Directory | undefined),
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
    if (!isList(list))
      throw refusal(`'${name}' must be a list, or a function that returns a list and not a promise`);
    const wrong = list.findIndex((item) => !isReadable(isItem, item));
    if (wrong !== -1) throw refusal(`'${name}' has an item at index ${wrong} that is not ${kind}`);
    return list;
  }
  if (typeof given === 'function') return (settings) => checked(given(settings));
  const list = checked(given);
  return () => list;
}

/** False also for an item whose fields cannot be read: it is foreign code, and a getter may throw. */
function isReadable<Item>(isItem: (item: Item) => boolean, item: Item): boolean {
  try {
    return isItem(item);
  } catch {
    return false;
  }
}

function isHandler(item: Handler | null): boolean {
  return typeof item?.handle === 'function' && typeof item.topic === 'string' && item.queue !== undefined;
}

function isSource(item: WebhookSource | null): boolean {
  return typeof item?.verify === 'function' && typeof item.name === 'string';
}

/** A directory that returns the same list at every read. */
function directoryOf(tenants: readonly TenantInput[]): Directory {
  return { name: 'registerFunctions', read: () => tenants };
}

function refusal(problem: string): MultiOutboxError {
  return new MultiOutboxError('INVALID_CONFIGURATION', `registerFunctions: ${problem}.`);
}
