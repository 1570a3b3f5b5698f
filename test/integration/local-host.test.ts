/** The deployments of docs/local-host.md: their addresses and paths, against the routes of the program. */
import { parse } from 'yaml';
import { addressArgument } from '../../src/cli/arguments.ts';
import type { Address } from '../../src/health/http-server.ts';
import { healthRoutes, metricsRoute } from '../../src/health/serve-health.ts';
import type { MultiOutbox } from '../../src/multi-outbox.ts';
import { blocksOf } from '../support/documents.ts';

const blocks = blocksOf('docs/local-host.md')
  .filter(({ language }) => language === 'yaml')
  .map(({ code }) => parse(code));
const find = (name: string) => blocks.find((block) => Object.hasOwn(block, name));
/** No request is made. */
const none = {} as MultiOutbox;
const health = Object.keys(healthRoutes(none, undefined));
const metrics = Object.keys(metricsRoute(none, async () => ''));

/** The address that a command gives for an option. */
function addressOf(command: readonly string[], option: string): Address {
  return addressArgument(command[command.indexOf(option) + 1]!);
}

test('Kubernetes: probes and annotations name paths and the port that the command serves, from outside the pod', () => {
  const { metadata, spec } = find('kind').spec.template;
  const [container] = spec.containers;
  const [port] = container.ports;
  for (const option of ['--health', '--metrics'])
    expect(addressOf(container.command, option)).toEqual({ host: '0.0.0.0', port: port.containerPort });
  const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];
  for (const { httpGet } of probes) {
    expect(health).toContain(httpGet.path);
    expect(httpGet.port).toBe(port.name);
  }
  expect(metrics).toContain(metadata.annotations['prometheus.io/path']);
  expect(metadata.annotations['prometheus.io/port']).toBe(String(port.containerPort));
});

test('Compose: the check asks the address that the command serves', () => {
  const { command, healthcheck } = find('services').services.outbox;
  const [, url] = /fetch\('([^']+)'\)/.exec(healthcheck.test.join(' '))!;
  const { hostname, port, pathname } = new URL(url!);
  expect(addressOf(command, '--health')).toEqual({ host: hostname, port: Number(port) });
  expect(health).toContain(pathname);
});

test.each(['8080', '127.0.0.1:80', '[::1]:9464', 'localhost:0'])('%s is an address', (text) => {
  const { host, port } = addressArgument(text);
  expect(text).toBe(text.includes(':') ? `${host.includes(':') ? `[${host}]` : host}:${port}` : `${port}`);
});
test.each(['', 'x', '65536', ':80', '::1:80', '0.0.0.0', 'http://x:1', '-1', '1.5'])(
  "'%s' is refused",
  (text) => {
    expect(() => addressArgument(text)).toThrow('Give a port, such as 8080');
  },
);
