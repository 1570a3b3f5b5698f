/** The one multi-outbox of this process, from its app settings, src/handlers/index.ts and src/sources/index.ts. */
import { createHandlers } from '../src/handlers/index.ts';
import {
  createMultiOutbox,
  loadSettings,
  type MultiOutbox,
  type Settings,
  sourcesByName,
  type WebhookSource,
} from '../src/index.ts';
import { createSources } from '../src/sources/index.ts';
import { hostLogger } from './logging.ts';
import { functionSettings } from './settings.ts';

export interface App {
  readonly settings: Settings;
  readonly multiOutbox: MultiOutbox;
  /** Who may send webhooks, by name. */
  readonly sources: ReadonlyMap<string, WebhookSource>;
}

type Attempt = { readonly app: App } | { readonly error: unknown };

let made: Attempt | undefined;

/**
 * Made at the first call; it opens nothing by itself.
 * @throws MultiOutboxError INVALID_CONFIGURATION, DUPLICATE_HANDLER; the same at every call: only a restart changes it
 */
export function currentApp(): App {
  made ??= attempt();
  if ('error' in made) throw made.error;
  return made.app;
}

/** When the plan runs. With a wrong configuration as if nothing were set: its function is there, and fails. */
export function planSchedule(): string {
  try {
    return currentApp().settings.functions.schedule;
  } catch {
    return loadSettings({}, {}).functions.schedule;
  }
}

/** Tells of a wrong configuration when the app starts. It starts all the same, so that health can tell as well. */
export function startApp(): void {
  try {
    currentApp();
  } catch (error) {
    hostLogger.error('This app is not configured as it should be; its functions fail until it is.', {
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

function attempt(): Attempt {
  try {
    const settings = functionSettings();
    const handlers = createHandlers(settings);
    const sources = sourcesByName(createSources(settings));
    return {
      app: {
        settings,
        sources,
        multiOutbox: createMultiOutbox({ ...settings, handlers, logger: hostLogger }),
      },
    };
  } catch (error) {
    return { error };
  }
}
