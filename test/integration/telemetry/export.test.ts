/**
 * The telemetry that hosts send, as a receiver on loopback gets it: OTLP, and the ingestion of Application Insights.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { Azurite } from '../../support/azurite.ts';
import { cliFolder } from '../../support/cli-process.ts';
import { FunctionsApp } from '../../support/functions-app.ts';
import { until } from '../../support/until.ts';
import { answering, type Receiver, startReceiver } from '../handlers/receiver.ts';

const handlers = path.resolve(__dirname, '../../support/cli-handlers.mjs');
/** A test certificate from a package; clients must not verify it. */
const certificate = createRequire(__filename)('smtp-server/lib/tls-options.js')();
let azurite: Azurite;
let receiver: Receiver;
let ingestion: Receiver;
beforeAll(async () => {
  azurite = await Azurite.start();
});
beforeEach(async () => {
  const accepting = answering(200, { 'content-type': 'application/json' }, '{}');
  receiver = await startReceiver(accepting);
  ingestion = await startReceiver(accepting, certificate);
});
afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
  await ingestion[Symbol.asyncDispose]();
});
afterAll(() => azurite?.stop());
const app = new FunctionsApp(() => azurite);

/** All requests to a path, as one text. OTLP's binary encoding also contains names as text. */
const sent = (to: string) =>
  [...receiver.received, ...ingestion.received]
    .filter(({ path }) => path === to)
    .map(({ body }) => body)
    .join('\n');

const applicationInsights = () => ({
  APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=${ingestion.origin}/`,
  // The exporter reports statistics to its makers; a test must not send any.
  APPLICATION_INSIGHTS_NO_STATSBEAT: 'true',
  NODE_TLS_REJECT_UNAUTHORIZED: '0',
});

describe('the command line', () => {
  test('sends traces and metrics by OTLP before it ends', async () => {
    const folder = cliFolder();
    try {
      await folder.json(['tenants', 'add', 'acme']);
      await folder.json(['enqueue', 'acme', 'note', 'x']);
      const env = {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.origin,
        OTEL_SERVICE_NAME: 'outbox-of-test',
        // Shorter than an export may take.
        OTEL_METRIC_EXPORT_INTERVAL: '1000',
      };
      const { code, stderr } = await folder.cli(['tick', '--handlers', handlers], { env });
      expect([code, stderr]).toEqual([0, '']);
      expect(sent('/v1/traces')).toMatch(/outbox-of-test.*process note/s);
      expect(sent('/v1/metrics')).toMatch(/outbox-of-test.*multi_outbox\.runs/s);
    } finally {
      await folder.remove();
    }
  });

  test('an unreachable receiver delays the end a little, and has no other effect', async () => {
    const folder = cliFolder();
    try {
      await folder.json(['tenants', 'add', 'acme']);
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_TRACES_EXPORTER: 'otlp' };
      expect((await folder.cli(['tick', '--handlers', handlers], { env })).code).toBe(0);
    } finally {
      await folder.remove();
    }
  });
});

describe('the function app', () => {
  test.each([
    ['OTLP', '/v1/traces', '/v1/metrics', () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.origin })],
    ['Application Insights', '/v2.1/track', '/v2.1/track', applicationInsights],
  ])(
    'sends to %s, from the second invocation on, and the rest when it ends',
    async (_name, traces, metrics, env) => {
      await app.tenants('acme');
      const instance = await app.start({ ...env(), OTEL_BSP_SCHEDULE_DELAY: '10' });
      await until('what sends is loaded', async () => {
        await app.library.outbox('acme').enqueue(app.mails(['one']));
        await instance.tick();
        return sent(traces).includes('process email.send');
      });
      expect(sent(metrics)).not.toContain('multi_outbox.plans');
      await instance.terminate();
      expect(sent(metrics)).toContain('multi_outbox.plans');
      expect(sent(traces)).toContain('acme');
    },
  );

  test('a message of a poison queue is counted, even if it is the first that its instance gets', async () => {
    await app.tenants('acme');
    const instance = await app.start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.origin });
    await azurite.send('multi-outbox-wake-poison', '{"tenantId":7}');
    await until('it is read', () => instance.of('wake-poison').length === 1);
    await instance.terminate();
    expect(sent('/v1/metrics')).toContain('multi_outbox.poisoned');
  });

  test('spans join the trace of the host’s invocation', async () => {
    await app.tenants('acme');
    const instance = await app.start({
      ...applicationInsights(),
      OTEL_BSP_SCHEDULE_DELAY: '10',
    });
    await until('a plan was sent', async () => {
      const served = instance.of('dispatch').length;
      await app.library.wake('acme');
      await instance.tick();
      // A plan does not request a tenant that is in flight.
      await until('the tenant is served', () => instance.of('dispatch').length > served);
      return /"name":"plan"/.test(sent('/v2.1/track'));
    });
    const items = sent('/v2.1/track')
      .split('\n')
      .flatMap((line) => JSON.parse(line))
      .filter((item) => item.data?.baseData?.name === 'plan');
    expect(items[0].tags['ai.operation.parentId']).toMatch(/^[0-9a-f]{16}$/);
  });
});
