/** The one multi-outbox of this process, made of what the app registered and of its app settings. */
import {
  createMultiOutbox,
  errorText,
  loadSettings,
  type MultiOutbox,
  type Settings,
  sourcesByName,
  type WebhookSource,
} from '../src/index.ts';
import { hostLogger } from './logging.ts';
import type { AppOptions } from './options.ts';
import { functionSettings } from './settings.ts';

export interface App {
  readonly settings: Settings;
  readonly multiOutbox: MultiOutbox;
  readonly sources: Sources;
}

export interface Sources {
  /** Who may send webhooks, by name. */
  readonly byName: ReadonlyMap<string, WebhookSource>;
  /** Why none can. */
  readonly error?: unknown;
}

/**
 * The app, made at the first call; it opens nothing by itself.
 * @throws MultiOutboxError INVALID_CONFIGURATION, DUPLICATE_HANDLER; the same at every call: only a restart changes it
 */
export type CurrentApp = () => App;

type Attempt = { readonly app: App } | { readonly error: unknown };

export function appOf(options: AppOptions): CurrentApp {
  let made: Attempt | undefined;
  return () => {
    made ??= attempt(options);
    if ('error' in made) throw made.error;
    return made.app;
  };
}

/** When the plan runs. With a wrong configuration as if nothing were set: its function is there, and fails. */
export function planSchedule(currentApp: CurrentApp): string {
  try {
    return currentApp().settings.functions.schedule;
  } catch {
    return loadSettings({}, {}).functions.schedule;
  }
}

/** Tells of a wrong configuration when the app starts. It starts all the same, so that health can tell as well. */
export function startApp(currentApp: CurrentApp): void {
  try {
    const { sources } = currentApp();
    const unusable = [...sources.byName.values()].flatMap((source) => source.unusable ?? []);
    for (const error of 'error' in sources ? [sources.error] : unusable) {
      hostLogger.error('A webhook source cannot be used; the rest of this app goes on.', {
        error: errorText(error),
      });
    }
  } catch (error) {
    hostLogger.error('This app is not configured as it should be; its functions fail until it is.', {
      error: errorText(error),
    });
  }
}

function attempt({ handlers, sources, tenants, strategy, settings: given }: AppOptions): Attempt {
  try {
    const settings = functionSettings(process.env, given);
    return {
      app: {
        settings,
        sources: attemptSources(sources, settings),
        multiOutbox: createMultiOutbox({
          ...settings,
          ...(tenants && { tenants }),
          ...(strategy && { strategy }),
          handlers: handlers(settings),
          logger: hostLogger,
        }),
      },
    };
  } catch (error) {
    return { error };
  }
}

/** Plans and runs go on without them. */
function attemptSources(sources: AppOptions['sources'], settings: Settings): Sources {
  try {
    return { byName: sourcesByName(sources(settings)) };
  } catch (error) {
    return { byName: new Map(), error };
  }
}
