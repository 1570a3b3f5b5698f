/** Reads the app's host.json; an app setting can override it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { errorText, MultiOutboxError } from '../src/index.ts';

/** The shortest default of all hosting plans (the Consumption plan's), used when host.json sets no timeout. */
const defaultTimeout = '00:05:00';

/**
 * Milliseconds that the host allows for one invocation; infinite when it sets no limit.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function functionTimeoutMs(env: NodeJS.ProcessEnv): number {
  const text =
    env.AzureFunctionsJobHost__functionTimeout || (hostJson(env).functionTimeout ?? defaultTimeout);
  if (text === '-1') return Number.POSITIVE_INFINITY;
  const [, days = '0', hours, minutes, seconds] = /^(?:(\d+)\.)?(\d+):(\d+):(\d+)$/.exec(String(text)) ?? [];
  if (seconds === undefined) {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `functionTimeout is ${JSON.stringify(text)}, which is not a valid time; set it to a value like '00:10:00', or to '-1' for no limit.`,
    );
  }
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
}

/**
 * Whether the host passes on queue texts that are not base64. Otherwise it moves them to the poison queue, and no function
 * ever gets them.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function passesPlainText(env: NodeJS.ProcessEnv): boolean {
  const encoding =
    env.AzureFunctionsJobHost__extensions__queues__messageEncoding ||
    hostJson(env).extensions?.queues?.messageEncoding;
  return String(encoding).toLowerCase() === 'none';
}

/**
 * The first part of the paths of all HTTP functions, without slashes; empty for none.
 * @throws MultiOutboxError INVALID_CONFIGURATION
 */
export function httpRoutePrefix(env: NodeJS.ProcessEnv): string {
  const prefix =
    env.AzureFunctionsJobHost__extensions__http__routePrefix ??
    hostJson(env).extensions?.http?.routePrefix ??
    'api';
  return String(prefix).replace(/^\/+|\/+$/g, '');
}

interface HostJson {
  readonly functionTimeout?: unknown;
  readonly extensions?: {
    readonly queues?: { readonly messageEncoding?: unknown };
    readonly http?: { readonly routePrefix?: unknown };
  };
}

/** The host starts its worker in the app's folder and names that folder in a setting. */
function hostJson(env: NodeJS.ProcessEnv): HostJson {
  const file = path.join(env.AzureWebJobsScriptRoot || process.cwd(), 'host.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return {};
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MultiOutboxError(
      'INVALID_CONFIGURATION',
      `${file} is not valid JSON (${errorText(error)}). Remove comments and trailing commas, or set the app setting AzureFunctionsJobHost__functionTimeout, for example to '00:10:00'.`,
    );
  }
}
