/** HTTP triggers: the console in the browser (S4), if a setting turns it on. It decides itself who may see it. */
import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions';
import { errorText, type SettingsInput } from '../src/index.ts';
import type { CurrentApp } from './app.ts';
import { httpRoutePrefix } from './host-json.ts';
import { readOnDemand } from './http/body.ts';
import { answering } from './http/problem.ts';
import { hostLogger } from './logging.ts';

type Serve = (request: Request) => Promise<Response>;

interface Console {
  readonly serve: Serve;
  /** Only of the console of 'key'. */
  readonly signIn?: (request: Request) => Response;
}

/** @param given the settings given in code, which the console shows */
export function registerConsole(
  currentApp: CurrentApp,
  given: SettingsInput,
  terminating: AbortSignal,
): void {
  const kind = consoleKind(currentApp);
  if (kind === 'off') return;
  let made: Promise<Console> | undefined;
  const theConsole = () => {
    made ??= createConsole(kind, currentApp, given, terminating).catch((error) => {
      made = undefined;
      throw error;
    });
    return made;
  };

  app.http('console', {
    methods: ['GET', 'POST'],
    // A key cannot be in the requests for the page's files; every route of the console asks for its own right.
    authLevel: 'anonymous',
    route: 'console/{*path}',
    handler: answering(async (request) => answerOf(await (await theConsole()).serve(webRequest(request)))),
  });
  if (kind === 'key') {
    app.http('console-sign-in', {
      methods: ['POST'],
      authLevel: 'function',
      route: 'console-sign-in',
      handler: answering(async (request) => answerOf((await theConsole()).signIn!(webRequest(request)))),
    });
  }
  app.hook.appStart(async () => {
    // An error in the console must not stop plans and runs, and must be seen before an operator needs the console.
    await theConsole().catch((error) =>
      hostLogger.error('The console cannot be used; the rest of this app works. Correct its settings.', {
        error: errorText(error),
      }),
    );
  });
}

/** With an invalid configuration there is no console; health/ready reports it. */
function consoleKind(currentApp: CurrentApp): 'off' | 'entra' | 'key' {
  try {
    return currentApp().settings.functions.console;
  } catch {
    return 'off';
  }
}

/** The code of the console is loaded only where it is on. @throws MultiOutboxError INVALID_CONFIGURATION */
async function createConsole(
  kind: 'entra' | 'key',
  currentApp: CurrentApp,
  given: SettingsInput,
  terminating: AbortSignal,
): Promise<Console> {
  const { consoleHandler } = await import('../src/console/index.ts');
  const { entraAccess, KeyAccess } = await import('../src/console/hosted/index.ts');
  const { multiOutbox, settings } = currentApp();
  const prefix = httpRoutePrefix(process.env);
  const under = (name: string) => (prefix === '' ? `/${name}` : `/${prefix}/${name}`);
  const basePath = under('console');
  const shared = { basePath, settings: given, signal: terminating, logger: hostLogger };
  if (kind === 'entra') {
    const authorize = entraAccess({ basePath, directory: settings.functions.consoleEntraDirectory });
    return { serve: consoleHandler(multiOutbox, { ...shared, authorize }) };
  }
  const access = new KeyAccess({
    secret: settings.functions.consoleSecret,
    rights: settings.functions.consoleAllow,
    basePath,
    signInPath: under('console-sign-in'),
  });
  return {
    serve: consoleHandler(multiOutbox, { ...shared, authorize: access.authorize }),
    signIn: (request) => access.signIn(request),
  };
}

/** The console reads the body only after it has let the request in, and bounds it. */
function webRequest(request: HttpRequest): Request {
  const body = request.method === 'GET' ? null : readOnDemand(request);
  return new Request(request.url, {
    method: request.method,
    headers: [...request.headers],
    ...(body !== null && { body, duplex: 'half' }),
  });
}

async function answerOf(response: Response): Promise<HttpResponseInit> {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    ...(response.body !== null && { body: new Uint8Array(await response.arrayBuffer()) }),
  };
}
