import { environmentPrefix, settingDescriptions } from '../../settings.ts';

/** A deployment in fast motion: what takes minutes in real life takes seconds here. */
const fastMotion: Readonly<Record<string, string>> = {
  // Few tenants at once, so that two hosts share them.
  'dispatch.parallelRuns': '2',
  'plan.intervalMs': '100ms',
  'dispatch.leaseMs': '3s',
  'dispatch.handlerTimeoutMs': '10s',
  'retry.baseMs': '300ms',
  'schedule.idleFloorMs': '200ms',
  'schedule.idleCeilingMs': '1s',
  'schedule.failureCeilingMs': '1s',
  'sqlite.synchronous': 'normal',
};

/**
 * Settings travel as environment variables, so that both hosts have the same. Whatever the user has set for real
 * is put out of reach: the demo sends no mail to a server and looks at no registry that is not named to it.
 */
export function useDemoSettings(
  own: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = process.env,
): void {
  for (const name of Object.keys(env)) if (name.startsWith(environmentPrefix)) delete env[name];
  for (const [option, value] of Object.entries({ ...fastMotion, ...own })) {
    const description = settingDescriptions.find((candidate) => candidate.option === option);
    if (description === undefined) throw new Error(`There is no setting '${option}'.`);
    env[description.variable] = value;
  }
}
