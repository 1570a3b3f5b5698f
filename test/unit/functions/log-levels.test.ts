/** What the host exports of an idle minute in OpenTelemetry mode, by the levels of host.json. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const levels = ['Debug', 'Information', 'Warning', 'Error'] as const;
type Level = (typeof levels)[number];

const { logLevel } = JSON.parse(readFileSync(path.resolve(__dirname, '../../../host.json'), 'utf8')).logging
  .OpenTelemetry as { logLevel: Record<string, Level> };

/**
 * The filters that the host has of its own in OpenTelemetry mode, while the worker does not export its logs itself: `true` lets
 * every level through, `false` none.
 */
const generations: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  'host 4.1037': {
    'Function.*': true,
    'Azure.*': true,
    'Host.Results': true,
    'Host.Aggregator': true,
    'Microsoft.Azure.WebJobs.*': true,
  },
  // AddDefaultOpenTelemetryFilters in
  // https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Diagnostics/OpenTelemetry/OpenTelemetryConfigurationExtensions.cs
  'a newer host': { 'Function.*': true, 'Azure.*': false, 'Host.Results': false, 'Host.Aggregator': false },
};

/**
 * Whether a line is exported. This is the selection of .NET's LoggerFactory: of all rules whose category is a prefix of
 * the line's category (or, with a wildcard, its prefix and its end), the longest one decides, and the last one of these.
 */
function isExported(host: string, category: string, level: Level): boolean {
  const rules: [pattern: string, least: Level | 'None'][] = [
    ...Object.entries(logLevel),
    ...Object.entries(generations[host]!).map(([pattern, passes]): [string, Level | 'None'] => [
      pattern,
      passes ? 'Debug' : 'None',
    ]),
  ];
  let decisive: [pattern: string, least: Level | 'None'] = ['', 'Information'];
  for (const rule of rules) {
    const [start, end = ''] = rule[0].split('*') as [string, string?];
    const line = category.toLowerCase();
    const matches = line.startsWith(start.toLowerCase()) && line.endsWith(end.toLowerCase());
    if (matches && rule[0].length >= decisive[0].length) decisive = rule;
  }
  const [, least] = decisive;
  return least !== 'None' && levels.indexOf(level) >= levels.indexOf(least);
}

describe.each(Object.keys(generations))('%s', (host) => {
  test.each<[category: string, level: Level]>([
    ['Azure.Core', 'Information'],
    ['Microsoft.Azure.WebJobs.Extensions.Storage.Common.Listeners.QueueListener', 'Debug'],
    ['Function.plan', 'Information'],
    ['Function.plan.User', 'Debug'],
    ['Function.dispatch', 'Information'],
    ['Function.dispatch.User', 'Debug'],
    ['Function.wake-queue.User', 'Debug'],
    ['Function.health-live', 'Information'],
    ['Function.health-ready', 'Information'],
    ['Host.Results', 'Information'],
    ['Host.Aggregator', 'Information'],
    // “Posting invocation id”, “Sending invocation id”: two lines for each invocation.
    ['Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcFunctionInvocationDispatcher', 'Debug'],
    ['Microsoft.Azure.WebJobs.Script.Description.WorkerFunctionInvoker', 'Debug'],
  ])('an idle minute exports no line of %s (%s)', (category, level) => {
    expect(isExported(host, category, level)).toBe(false);
  });

  test.each<[category: string, level: Level]>([
    ['Function.dispatch.User', 'Information'],
    ['Function.plan.User', 'Information'],
    ['Function.enqueue.User', 'Information'],
    ['Function.health-ready.User', 'Warning'],
    ['Function.dispatch', 'Error'],
    ['Function.plan', 'Error'],
    ['Host.Results', 'Error'],
    ['Azure.Core', 'Warning'],
    ['Microsoft.Azure.WebJobs.Extensions.Storage.Common.Listeners.QueueListener', 'Warning'],
    ['Host.Startup', 'Information'],
    ['Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcFunctionInvocationDispatcher', 'Warning'],
  ])('a line of %s (%s) is exported', (category, level) => {
    expect(isExported(host, category, level)).toBe(true);
  });
});
