/** The load of a deployment's instances on the registry, and the service objectives that carry it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Instances that usually reach the registry beside the instances on demand of dispatch: one of the plan, and one of HTTP. A burst
 * adds instances of wake-queue, pages and HTTP; docs/azure.md (Scaling) says what happens then.
 */
export const onDemandOthers = 2;

/** The groups of functions that Azure scales by themselves; the type of the parameter alwaysReady names them. */
const types = readFileSync(path.join(__dirname, '../../infra/modules/types.bicep'), 'utf8');
const groups = [...types.matchAll(/^ {4}\| '(?:http|function:[\w-]+)'$/gm)].length;

/**
 * Instances that are always ready in a plan that is spread over zones: two of each group.
 * https://learn.microsoft.com/azure/reliability/reliability-functions
 */
export const zonesKeep = 2 * groups;

/**
 * Concurrent workers of Azure SQL's service objectives, as
 * https://learn.microsoft.com/azure/azure-sql/database/resource-limits-dtu-single-databases and
 * https://learn.microsoft.com/azure/azure-sql/database/resource-limits-vcore-single-databases list them.
 */
export const registryWorkers: Readonly<Record<string, number>> = {
  Basic: 30,
  S0: 60,
  S1: 90,
  S2: 120,
  S3: 200,
  GP_S_Gen5_1: 75,
  GP_S_Gen5_2: 150,
  GP_S_Gen5_4: 300,
};
