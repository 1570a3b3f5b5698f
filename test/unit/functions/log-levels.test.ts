/** What the host exports of an idle minute in OpenTelemetry mode, by the levels of host.json. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const levels = ['Debug', 'Information', 'Warning', 'Error'] as const;
type Level = (typeof levels)[number];

const { logLevel } = JSON.parse(readFileSync(path.resolve(__dirname, '../../../host.json'), 'utf8')).logging
  .OpenTelemetry as { logLevel: Record<string, Level> };

/**
 * The categories for which the host has filters of its own in OpenTelemetry mode. While the worker does not export its
 * logs itself, these filters let every level through.
 */
const hostFilters = ['Function.*', 'Azure.*', 'Host.Results', 'Host.Aggregator', 'Microsoft.Azure.WebJobs.*'];

/**
 * Whether a line is exported. This is the selection of .NET's LoggerFactory: of all rules whose category is a prefix of
 * the line's category (or, with a wildcard, its prefix and its end), the longest one decides, and the last one of these.
 */
function isExported(category: string, level: Level): boolean {
  const rules: [pattern: string, least: Level][] = [
    ...Object.entries(logLevel),
    ...hostFilters.map((pattern): [string, Level] => [pattern, 'Debug']),
  ];
  let decisive: [pattern: string, least: Level] = ['', 'Information'];
  for (const rule of rules) {
    const [start, end = ''] = rule[0].split('*') as [string, string?];
    const line = category.toLowerCase();
    const matches = line.startsWith(start.toLowerCase()) && line.endsWith(end.toLowerCase());
    if (matches && rule[0].length >= decisive[0].length) decisive = rule;
  }
  return levels.indexOf(level) >= levels.indexOf(decisive[1]);
}

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
  expect(isExported(category, level)).toBe(false);
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
  expect(isExported(category, level)).toBe(true);
});
