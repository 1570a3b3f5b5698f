/** Settings that make a deployment fast: intervals that are minutes in production are seconds here. */
const fastMotion: Readonly<Record<string, string>> = {
  // Each host dispatches few tenants at once, so that the two hosts share the tenants.
  MULTI_OUTBOX_PARALLEL_RUNS: '2',
  MULTI_OUTBOX_PLAN_INTERVAL: '100ms',
  MULTI_OUTBOX_LEASE: '3s',
  MULTI_OUTBOX_HANDLER_TIMEOUT: '10s',
  MULTI_OUTBOX_RETRY_BASE: '300ms',
  MULTI_OUTBOX_IDLE_FLOOR: '200ms',
  MULTI_OUTBOX_IDLE_CEILING: '1s',
  MULTI_OUTBOX_FAILURE_CEILING: '1s',
  MULTI_OUTBOX_SQLITE_SYNCHRONOUS: 'normal',
};

/**
 * Settings travel as environment variables, so that both hosts have the same. The user's own settings
 * are ignored: the demo sends no mail to a server and opens only the registry that --registry names.
 */
export function useDemoSettings(
  own: Readonly<Record<`MULTI_OUTBOX_${string}`, string>>,
  env: NodeJS.ProcessEnv = process.env,
): void {
  for (const name of Object.keys(env)) if (name.startsWith('MULTI_OUTBOX_')) delete env[name];
  Object.assign(env, fastMotion, own);
}
