/** Loads the handlers from the module that `--handlers` names, or from src/handlers/index.ts. */
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { errorText, MultiOutboxError } from '../errors.ts';
import type { Handler } from '../queue/handler.ts';
import type { Settings } from '../settings.ts';
import { bundledFile } from './files.ts';
import { NeverSettled, settled } from './settled.ts';

/**
 * Loads the handlers of `settings.handlersModule`: a file, relative to the working folder, whose default export is an
 * array of handlers or a function (settings) => handlers. Without that setting it returns the built-in handlers.
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
        ? 'the function that it exports did not return an array of handlers; return one'
        : 'its default export must be an array of handlers or a function (settings) => handlers',
    );
  }
  handlers.forEach((handler: Partial<Handler> | null | undefined, index) => {
    const { queue, topic, handle } = handler ?? {};
    if (queue === undefined || typeof topic !== 'string' || typeof handle !== 'function') {
      throw refused(
        file,
        `item ${index + 1} of its array is not a handler; make it with defineHandler(…) or defineInboxHandler(…)`,
      );
    }
  });
  return handlers;
}

type HandlerFactory = (settings: Settings) => unknown;

async function callFactory(file: string, factory: HandlerFactory, settings: Settings): Promise<unknown> {
  try {
    return await settled(Promise.resolve(factory(settings)));
  } catch (error) {
    if (error instanceof NeverSettled)
      throw refused(
        file,
        `the promise of the function that it exports never settles: ${error.message}; correct the function`,
        error,
      );
    throw refused(
      file,
      `the function that it exports threw an error: ${errorText(error)}; correct the function`,
      error,
    );
  }
}

async function importDefault(file: string): Promise<unknown> {
  const path = resolve(file);
  if (!existsSync(path))
    throw refused(file, 'the file does not exist; check --handlers or MULTI_OUTBOX_HANDLERS');
  resolveOwnPackage();
  try {
    return defaultOf(await settled(import(pathToFileURL(path).href)));
  } catch (error) {
    if (error instanceof NeverSettled)
      throw refused(
        file,
        `importing it never ends, because an await outside of its functions never settles: ${error.message}; correct the file`,
        error,
      );
    const unsupported = (error as NodeJS.ErrnoException | null)?.code === 'ERR_UNKNOWN_FILE_EXTENSION';
    throw refused(
      file,
      unsupported
        ? 'Node cannot load a file with this extension; give a .js, .mjs or .ts file'
        : `importing it failed: ${errorText(error)}; correct the file`,
      error,
    );
  }
}

/** When a CommonJS module was compiled from an ES module, Node's default import is the whole `exports` object. */
function defaultOf(module: { readonly default?: unknown }): unknown {
  const exported = module.default as
    | { readonly __esModule?: unknown; readonly default?: unknown }
    | undefined;
  return exported?.__esModule === true ? exported.default : exported;
}

/**
 * Resolves `import … from 'multi-outbox'` in a handler module to this program's own library, wherever the module is.
 * Handlers then need no installed copy, and share this library's connection pools and wakes.
 */
function resolveOwnPackage(): void {
  if (!existsSync(bundledFile('index.js'))) return;
  // Node lets a package import itself by its name, so the import is resolved as if it came from this package.
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
