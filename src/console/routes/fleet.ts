/** What belongs to the fleet and not to one tenant: topics, plans, settings. */
import packageJson from '../../../package.json' with { type: 'json' };
import type { SettingInForce } from '../../settings/in-force.ts';
import { json } from '../answer.ts';
import { type LastPlan, lastPlanOf } from '../fleet/last-plan.ts';
import { planLateMs } from '../fleet/plan-late.ts';
import { type Route, route } from '../route.ts';
import { type NextTenants, nextTenants } from '../tenants/next-plan.ts';
import { type Topics, topicsOf } from '../tenants/topics.ts';

export interface Plans extends NextTenants {
  readonly lastPlan: LastPlan | null;
  /** The age in milliseconds from which the last plan is late. */
  readonly planLateMs: number;
  /** The names of the settings that decide about plans, and their values. */
  readonly settings: readonly SettingInForce[];
}

export interface About {
  readonly version: string;
  readonly node: string;
  readonly registry: { readonly version: number; readonly latest: number; readonly oldestUsable: number };
  readonly settings: readonly SettingInForce[];
}

/** Without the names of the app settings that hold the secrets of sources. */
function withoutSecretNames(setting: SettingInForce): SettingInForce {
  const { option, value } = setting;
  return option === 'receive.sources' && value !== null
    ? { ...setting, value: Object.keys(value as object) }
    : setting;
}

export const fleetRoutes: readonly Route[] = [
  route({
    name: 'topics.list',
    method: 'GET',
    path: '/api/topics',
    rights: ['look'],
    touches: 'registry',
    async handle({ snapshots }) {
      const { value, asOf } = await snapshots.tenants.get();
      return json(topicsOf(value) satisfies Topics, asOf);
    },
  }),
  route({
    name: 'plans.show',
    method: 'GET',
    path: '/api/plans',
    rights: ['look'],
    touches: 'registry',
    async handle({ snapshots, settings }) {
      const [{ value, asOf }, fleet] = await Promise.all([snapshots.tenants.get(), snapshots.fleet.get()]);
      const inForce = settings();
      const plans: Plans = {
        ...nextTenants(value, asOf.getTime()),
        lastPlan: lastPlanOf(fleet.value),
        planLateMs: planLateMs(inForce),
        settings: inForce.filter(({ option }) => option.startsWith('plan.')),
      };
      return json(plans, asOf);
    },
  }),
  route({
    name: 'about.show',
    method: 'GET',
    path: '/api/about',
    rights: ['look'],
    touches: 'registry',
    async handle({ multiOutbox, settings }) {
      const about: About = {
        version: packageJson.version,
        node: process.version,
        registry: await multiOutbox.registrySchema(),
        settings: settings().map(withoutSecretNames),
      };
      return json(about);
    },
  }),
];
