/** Creates the single multi-outbox of this process from the app's registered options and its app settings. */
import {
  errorText,
  loadSettings,
  type MultiOutbox,
  type Settings,
  sourcesByName,
  type WebhookSource,
} from '../src/index.ts';
import { assembleMultiOutbox } from '../src/multi-outbox.ts';
import { passesPlainText } from './host-json.ts';
import { hostLogger } from './logging.ts';
import type { AppOptions } from './options.ts';
import { functionSettings } from './settings.ts';

export interface App {
  readonly settings: Settings;
  readonly multiOutbox: MultiOutbox;
  readonly sources: Sources;
}

export interface Sources {
  /** The sources that may send webhooks, by name. */
  readonly byName: ReadonlyMap<string, WebhookSource>;
  /** The error that makes all sources unusable. */
  readonly error?: unknown;
}

/**
 * Returns the app, and creates it at the first call. Creating it opens no connection.
 * @throws MultiOutboxError INVALID_CONFIGURATION, DUPLICATE_HANDLER; every call throws the same error until a restart
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

/**
 * The schedule of the plan, and how many timers make plans. With an invalid configuration they are the defaults, so that the
 * function exists and fails visibly.
 */
export function planTimers(currentApp: CurrentApp): { readonly schedule: string; readonly planners: number } {
  const timers = ({ functions, plan }: Settings) => ({
    schedule: functions.schedule,
    planners: plan.planners,
  });
  try {
    return timers(currentApp().settings);
  } catch {
    return timers(loadSettings({}, {}));
  }
}

/** Logs an invalid configuration at start. The app still starts, so that health/ready can report it as well. */
export function startApp(currentApp: CurrentApp): void {
  try {
    const { sources } = currentApp();
    if (!passesPlainText(process.env)) {
      hostLogger.warn(
        "The host reads queue messages as base64, so a message in plain text ends in a poison queue that no function can read. Set extensions.queues.messageEncoding in host.json to 'none'; base64 is read all the same.",
      );
    }
    const unusable = [...sources.byName.values()].flatMap((source) => source.unusable ?? []);
    for (const error of 'error' in sources ? [sources.error] : unusable) {
      hostLogger.error(
        'A webhook source cannot be used; the rest of this app works. Correct its settings and restart the app.',
        {
          error: errorText(error),
        },
      );
    }
  } catch (error) {
    hostLogger.error(
      'The configuration of this app is invalid, so its functions fail. Correct the settings and restart the app.',
      {
        error: errorText(error),
      },
    );
  }
}

function attempt({ handlers, sources, tenants, strategy, settings: given }: AppOptions): Attempt {
  try {
    const settings = functionSettings(process.env, given);
    return {
      app: {
        settings,
        sources: attemptSources(sources, settings),
        multiOutbox: assembleMultiOutbox(
          {
            ...(tenants && { tenants }),
            ...(strategy && { strategy }),
            handlers: handlers(settings),
            logger: hostLogger,
          },
          settings,
        ),
      },
    };
  } catch (error) {
    return { error };
  }
}

/** An error in the sources must not stop plans and runs. */
function attemptSources(sources: AppOptions['sources'], settings: Settings): Sources {
  try {
    return { byName: sourcesByName(sources(settings)) };
  } catch (error) {
    return { byName: new Map(), error };
  }
}
