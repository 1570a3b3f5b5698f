/** Where the handlers come from: a module that `--handlers` names, or src/handlers/index.ts. */
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { errorText, MultiOutboxError } from '../errors.ts';
import type { Handler } from '../queue/handler.ts';
import type { Settings } from '../settings.ts';
import { bundledFile } from './files.ts';

/**
 * The handlers of `settings.handlersModule`, a file relative to the working folder whose default export is an array of
 * handlers or a function from the settings to one; without it, those that are built in.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export async function loadHandlers(settings: Settings): Promise<readonly Handler[]> {
  const file = settings.handlersModule;
  if (file === undefined) {
    const { createHandlers } = await import('../handlers/index.ts');
    return createHandlers(settings);
  }
  const exported = await importDefault(file);
  const handlers =
    typeof exported === 'function' ? await callFactory(file, exported as HandlerFactory, settings) : exported;
  if (!Array.isArray(handlers)) {
    throw refused(
      file,
      typeof exported === 'function'
        ? 'its function did not return an array of handlers'
        : 'it must export, as default, an array of handlers or a function (settings) => handlers',
    );
  }
  handlers.forEach((handler: Partial<Handler> | null | undefined, index) => {
    const { queue, topic, handle } = handler ?? {};
    if (queue === undefined || typeof topic !== 'string' || typeof handle !== 'function') {
      throw refused(
        file,
        `item ${index + 1} of its handlers is none; make it with defineHandler(…) or defineInboxHandler(…)`,
      );
    }
  });
  return handlers;
}

type HandlerFactory = (settings: Settings) => unknown;

async function callFactory(file: string, factory: HandlerFactory, settings: Settings): Promise<unknown> {
  try {
    return await factory(settings);
  } catch (error) {
    throw refused(file, `its function threw: ${errorText(error)}`, error);
  }
}

async function importDefault(file: string): Promise<unknown> {
  const path = resolve(file);
  if (!existsSync(path))
    throw refused(file, 'there is no such file; check --handlers or MULTI_OUTBOX_HANDLERS');
  resolveOwnPackage();
  try {
    return defaultOf(await import(pathToFileURL(path).href));
  } catch (error) {
    const unsupported = (error as NodeJS.ErrnoException | null)?.code === 'ERR_UNKNOWN_FILE_EXTENSION';
    throw refused(
      file,
      unsupported ? 'Node cannot load this kind of file; give a .js, .mjs or .ts file' : errorText(error),
      error,
    );
  }
}

/** Of CommonJS that was compiled from an ES module, Node takes the whole of its exports for the default. */
function defaultOf(module: { readonly default?: unknown }): unknown {
  const exported = module.default as
    | { readonly __esModule?: unknown; readonly default?: unknown }
    | undefined;
  return exported?.__esModule === true ? exported.default : exported;
}

/**
/**
 * `import … from 'multi-outbox'` in a handler module means this program's own library, wherever the module lies, so
 * that handlers need no copy beside them, and share this one's pools and wakes.
 */
function resolveOwnPackage(): void {
  if (!existsSync(bundledFile('index.js'))) return;
  // A package may import itself by its name.
  const parentURL = pathToFileURL(bundledFile('../package.json')).href;
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, /^multi-outbox(\/|$)/.test(specifier) ? { ...context, parentURL } : context),
  });
}

function refused(file: string, problem: string, cause?: unknown): MultiOutboxError {
  return new MultiOutboxError(
    'INVALID_CONFIGURATION',
    `Handlers file '${file}' cannot be used: ${problem.replace(/\.$/, '')}.`,
    cause === undefined ? {} : { cause },
  );
}
