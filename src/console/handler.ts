/** The console as a function of a `Request`: for Express, Fastify, Hono, a function app, or the local server. */
import { errorText, isList, MultiOutboxError } from '../errors.ts';
import type { MultiOutbox } from '../multi-outbox-interface.ts';
import { checkFace, type NamesOf, optionsOf, signalOf } from '../options.ts';
import { settingsInForce } from '../settings/in-force.ts';
import type { SettingsInput } from '../settings.ts';
import { type Logger, loggerOf, safeLogger, silentLogger } from '../telemetry/logger.ts';
import { Refusal } from './answer.ts';
import { readAssets } from './assets.ts';
import { FewAtOnce } from './few-at-once.ts';
import { authorized, authorizedFor, checkHost, checkOrigin, checkUrl } from './guard.ts';
import { givenParameters } from './request-parameters.ts';
import { refusalOfError, refusalResponse, responseOf } from './responses.ts';
import type { Authorize } from './rights.ts';
import { checkedParameters, matches, type Route } from './route.ts';
import { routeTable } from './routes.ts';
import { createSnapshots } from './snapshots.ts';

export interface ConsoleOptions {
  /** Decides about every request; the console has no users of its own. */
  readonly authorize: Authorize;
  /** The path below which the console is, such as '/console'. Default: the root. */
  readonly basePath?: string;
  /** The hosts under which it is reached, such as 'console.example.com' or 'localhost:8080'; others are refused. Default: any. */
  readonly hosts?: readonly string[];
  /**
   * The settings that `createMultiOutbox` was given, for the page that shows where each comes from. Secrets are masked there.
   * Default: none, so that only the environment is known.
   */
  readonly settings?: SettingsInput;
  /**
   * Fire it when the host begins to stop: operations that this console works on pause after their batch. Another host can go
   * on with them.
   */
  readonly signal?: AbortSignal;
  /** Gets errors that are not the library's. Default: none. */
  readonly logger?: Logger;
}

const names: NamesOf<ConsoleOptions> = {
  authorize: true,
  basePath: true,
  hosts: true,
  settings: true,
  signal: true,
  logger: true,
};

/**
 * Creates the console of a multi-outbox. The handler answers every request below its base path, and never throws.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function consoleHandler(
  multiOutbox: MultiOutbox,
  options: ConsoleOptions,
): (request: Request) => Promise<Response> {
  checkFace('consoleHandler', multiOutbox, ['status', 'worst', 'history']);
  const { authorize, basePath = '', hosts, signal, settings: given = {}, logger } = checkedOptions(options);
  const stopping = signal ?? new AbortController().signal;
  const settings = () => settingsInForce(given);
  const routes = routeTable(readAssets(), basePath);
  const snapshots = createSnapshots(multiOutbox);
  const fewAtOnce = new FewAtOnce();
  const log = logger === undefined ? silentLogger : safeLogger(logger);

  async function answer(request: Request): Promise<Response> {
    const url = checkUrl(request);
    checkHost(url, hosts);
    const path = below(url.pathname, basePath);
    const found = path === null ? [] : matches(routes, path);
    const match = found.find(({ route }) => route.method === request.method) ?? found[0];
    checkOrigin(request, match?.route.kind);
    const operator = await authorized(authorize, request, match);
    if (operator instanceof Response) return operator;
    if (match === undefined) throw new Refusal(404, 'NOT_FOUND', 'There is no such address.');
    if (match.route.method !== request.method) return wrongMethod(match.route.method);
    const parameters = checkedParameters(match, await givenParameters(request, url, match.route.largestBody));
    const allowed = (tenantIds: readonly string[], name?: string) =>
      authorizedFor(authorize, request, match, tenantIds, name);
    await allowed(match.route.tenants?.(parameters) ?? []);
    const context = {
      multiOutbox,
      snapshots,
      operator,
      settings,
      stopping,
      allowed,
      log: (what: string, error: unknown) => log.warn(`${what}: ${errorText(error)}`),
      async may(right: Parameters<typeof authorize>[1]['right']) {
        const asked = { right, route: match.route.name, tenantId: match.named.tenant ?? null };
        const decision = await authorize(request, asked);
        return decision !== false && !(decision instanceof Response);
      },
    };
    const asOf = match.route.touches === 'nothing' ? new Date() : await snapshots.now();
    const handled = async () => match.route.handle(context, parameters);
    const given = await (touchesMany(match.route) ? fewAtOnce.use(handled) : handled());
    return responseOf(request, { asOf, ...given });
  }

  return async (request) => {
    try {
      return await answer(request);
    } catch (error) {
      const refusal = refusalOfError(error);
      if (refusal.code === 'INTERNAL') log.error(`The console failed: ${errorText(error)}`);
      return refusalResponse(refusal);
    }
  };
}

/**
 * Whether one request of the route connects to many tenants' databases before its answer. An operation that runs works on
 * behind the answer, and one that is to stop must not wait.
 */
function touchesMany({ touches, path }: Route): boolean {
  return touches === 'tenant' && !/:tenant|:operation/.test(path);
}

function wrongMethod(allow: string): Response {
  const refusal = new Refusal(405, 'METHOD_NOT_ALLOWED', `This address takes ${allow}.`);
  return refusalResponse(refusal, { allow });
}

/** The part of a path behind the base path; null when it is elsewhere. */
function below(path: string, basePath: string): string | null {
  if (path === basePath) return '/';
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : null;
}

function checkedOptions(given: ConsoleOptions): ConsoleOptions {
  const options = optionsOf('consoleHandler', given, names, 'INVALID_CONFIGURATION');
  const { authorize, basePath = '', hosts } = options;
  if (typeof authorize !== 'function')
    throw refused("'authorize' must be a function that decides who may do what; without it everybody could");
  if (typeof basePath !== 'string' || !/^(\/[A-Za-z0-9._~-]+)*$/.test(basePath))
    throw refused("'basePath' must be a path such as '/console', without a slash at its end");
  if (hosts !== undefined && !(isList(hosts) && [...hosts].every((host) => typeof host === 'string')))
    throw refused("'hosts' must be a list such as ['console.example.com']");
  signalOf('consoleHandler', options.signal);
  loggerOf('consoleHandler', options.logger, 'INVALID_CONFIGURATION');
  return { ...options, ...(hosts && { hosts: hosts.map((host) => host.toLowerCase()) }) };
}

function refused(problem: string): MultiOutboxError {
  return new MultiOutboxError('INVALID_CONFIGURATION', `consoleHandler: ${problem}.`);
}
