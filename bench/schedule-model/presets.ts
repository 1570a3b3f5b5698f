/** Scenarios by name; `npm run schedule-model -- <name>`. */
import type { ScenarioInput } from './scenario.ts';

const flood: ScenarioInput = {
  title: 'one tenant flooded with 50,000 messages, 99 with one every two seconds, on one place',
  duration: '90s',
  places: 1,
  // The flood takes several runs, so that plans decide when its next run begins.
  settings: { dispatch: { timeBudgetMs: '1s' } },
  classes: [
    {
      name: 'steady',
      tenants: 99,
      handler: '10ms',
      arrivals: [{ kind: 'steady', every: '2s' }],
      tenant: { priority: 5, weight: 3, slaSeconds: 2 },
    },
    {
      name: 'flooded',
      tenants: 1,
      handler: '10ms',
      arrivals: [{ kind: 'flood', at: '10s', messages: 50_000 }],
    },
  ],
};

const idle: ScenarioInput = {
  title: '10,000 tenants that have next to nothing to do, for a day',
  duration: '1d',
  host: 'functions',
  places: 32,
  settings: { plan: { intervalMs: '5s' } },
  classes: [
    // Producers of this class do not wake their tenants, so the ceiling limits how late a message can be.
    {
      name: 'ceiling 1h',
      tenants: 5_000,
      wakes: false,
      arrivals: [{ kind: 'steady', every: '12h' }],
      tenant: { overrides: { idleCeilingMs: '1h' } },
    },
    {
      name: 'never, paused',
      tenants: 5_000,
      autoPause: '1h',
      arrivals: [{ kind: 'steady', every: '12h' }],
      tenant: { overrides: { idleCeilingMs: 'never' } },
    },
  ],
};

const mixed: ScenarioInput = {
  title: 'a fleet of 2,000 tenants of all kinds, for an hour of a working day',
  duration: '1h',
  host: 'functions',
  places: 64,
  settings: { plan: { intervalMs: '5s' } },
  classes: [
    { name: 'busy', tenants: 50, arrivals: [{ kind: 'steady', every: '500ms' }], tenant: { slaSeconds: 5 } },
    { name: 'offices', tenants: 1_400, arrivals: [{ kind: 'business-hours', every: '2m', from: 0, to: 18 }] },
    { name: 'imports', tenants: 100, arrivals: [{ kind: 'bursts', every: '30m', messages: 2_000 }] },
    { name: 'failing', tenants: 50, failing: 0.2, arrivals: [{ kind: 'steady', every: '10s' }] },
    { name: 'unreachable', tenants: 20, unreachable: 1, arrivals: [{ kind: 'steady', every: '1m' }] },
    {
      name: 'asleep',
      tenants: 380,
      autoPause: '15m',
      arrivals: [{ kind: 'steady', every: '1d' }],
      tenant: { overrides: { idleCeilingMs: 'never' } },
    },
  ],
};

export const presets: Readonly<Record<string, ScenarioInput>> = { flood, idle, mixed };
