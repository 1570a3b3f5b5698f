import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { Azurite } from '../../support/azurite.ts';
import { FunctionsApp, type ListedFunction } from '../../support/functions-app.ts';
import { until } from '../../support/until.ts';
import { startReceiver } from '../handlers/receiver.ts';

const top = path.resolve(__dirname, '../../..');
let azurite: Azurite;
beforeAll(async () => {
  azurite = await Azurite.start();
});
afterAll(() => azurite?.stop());
const app = new FunctionsApp(() => azurite);

const trigger = (queueName: string) => ({
  type: 'queueTrigger',
  queueName,
  connection: 'AzureWebJobsStorage',
});
const output = (queueName: string) => ({ type: 'queue', queueName, connection: 'AzureWebJobsStorage' });
const http = (method: string, route: string, authLevel = 'function') => ({
  type: 'httpTrigger',
  methods: [method],
  route,
  authLevel,
});
const response = { type: 'http' };
const planOutputs = [output('multi-outbox-dispatch'), output('multi-outbox-pages')];
const poisonReader = (queueName: string) => [
  trigger(queueName),
  output('multi-outbox-dispatch'),
  output(queueName),
];

/** The bindings without the fields that the library adds. */
function bindingsOf({ bindings }: ListedFunction) {
  return bindings.map(({ name, direction, properties, ...binding }) => binding);
}

/** What a process has loaded when the host has started the app and not called a function. */
function loadedAtStart(): { files: string[]; modulesOfNode: string[] } {
  const worker = pathToFileURL(path.join(top, 'test/support/functions-host/worker.mjs')).href;
  const program = `import Module from 'node:module';
    import { loadApp } from '${worker}';
    await loadApp(process.argv[1]);
    console.log(JSON.stringify({ files: Object.keys(Module._cache), modulesOfNode: process.moduleLoadList }));
    process.exit();`;
  const args = ['--input-type=module', '--eval', program, top];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

describe('the function bundle', () => {
  test('it lists exactly these functions, with these bindings', async () => {
    const instance = await app.start();
    expect(Object.fromEntries(instance.functions.map((one) => [one.name, bindingsOf(one)]))).toEqual({
      plan: [{ type: 'timerTrigger', schedule: '*/5 * * * * *' }, ...planOutputs],
      'plan-now': [http('POST', 'plan'), response, ...planOutputs],
      pages: [
        trigger('multi-outbox-pages'),
        output('multi-outbox-dispatch'),
        output('multi-outbox-dispatch-poison'),
      ],
      dispatch: [trigger('multi-outbox-dispatch'), ...planOutputs, output('multi-outbox-dispatch-poison')],
      poison: poisonReader('multi-outbox-dispatch-poison'),
      'pages-poison': poisonReader('multi-outbox-pages-poison'),
      'wake-poison': poisonReader('multi-outbox-wake-poison'),
      wake: [http('POST', 'wake/{tenantId}'), response, ...planOutputs],
      'wake-queue': [trigger('multi-outbox-wake'), ...planOutputs, output('multi-outbox-dispatch-poison')],
      enqueue: [http('POST', 'enqueue/{tenantId}'), response, output('multi-outbox-dispatch')],
      receive: [
        http('POST', 'receive/{tenantId}/{source}', 'anonymous'),
        response,
        output('multi-outbox-dispatch'),
      ],
      'health-live': [http('GET', 'health/live', 'anonymous'), response],
      'health-ready': [http('GET', 'health/ready'), response, ...planOutputs],
      'health-fleet': [http('GET', 'health/fleet'), response, ...planOutputs],
      openapi: [http('GET', 'openapi.json'), response],
    });
  });

  test('the queues are those that infra/ creates (text of main.bicep)', async () => {
    const instance = await app.start();
    const [, list] = /^var queueNames = \[(.*)\]$/m.exec(
      readFileSync(path.join(top, 'infra/main.bicep'), 'utf8'),
    )!;
    const created = [...list!.matchAll(/'([^']+)'/g)].flatMap(([, name]) => [name, `${name}-poison`]);
    const used = new Set(
      instance.functions.flatMap((one) => one.bindings.flatMap(({ queueName }) => queueName ?? [])),
    );
    // All are used: each poison queue has a reader.
    expect([...used].sort()).toEqual(created.sort());
  });

  test('the start script creates the queues that the functions listen to', async () => {
    await azurite.deleteQueues();
    const script = pathToFileURL(path.join(top, 'functions/create-queues.mjs')).href;
    const program = `import { createQueues } from '${script}'; await createQueues(process.argv[1]);`;
    execFileSync(process.execPath, ['--input-type=module', '--eval', program, azurite.connectionString]);
    const created = await azurite.queueNames();
    const instance = await app.start();
    const listened = instance.functions.flatMap(({ bindings }) =>
      bindings.filter(({ type }) => type === 'queueTrigger').map(({ queueName }) => queueName),
    );
    expect(created.sort()).toEqual(listened.sort());
  });

  test('the schedule is a setting', async () => {
    const instance = await app.start({ MULTI_OUTBOX_SCHEDULE: '0 */2 * * * *' });
    const plan = instance.functions.find(({ name }) => name === 'plan')!;
    expect(plan.bindings[0]).toMatchObject({ schedule: '0 */2 * * * *' });
  });

  test('code that the first invocation does not need is in separate chunks', () => {
    const atStart = new Set(loadedAtStart().files.map((file) => path.basename(file)));
    expect(atStart).toContain('main.js');
    const folder = path.join(top, 'dist/functions');
    const chunks = readdirSync(folder).filter((file) => file.endsWith('.js'));
    const holding = (mark: string) =>
      chunks.filter((file) => readFileSync(path.join(folder, file), 'utf8').includes(mark));
    // Each of these texts marks one chunk, and a minifier keeps them: the embedded engine, SMTP, the operators' calls, the doctor.
    for (const mark of [
      'PRAGMA journal_size_limit',
      'STARTTLS',
      'messages.act',
      'set the clock that is wrong',
    ]) {
      expect([mark, holding(mark).length > 0]).toEqual([mark, true]);
      expect(holding(mark).filter((file) => atStart.has(file))).toEqual([]);
    }
  });

  test('its start reads at most 325 kB of code, because compiling it takes a quarter of the start', () => {
    const folder = path.join(top, 'dist/functions');
    const read = loadedAtStart().files.filter((file) => path.dirname(file) === folder);
    const bytes = read.reduce((sum, file) => sum + statSync(file).size, 0);
    expect(bytes).toBeLessThan(325_000);
  });

  test("the driver's tables of characters are files beside it, and not code that each login reads", () => {
    const folder = path.join(top, 'dist/functions');
    const files = readdirSync(folder);
    const texts = files
      .filter((file) => file.endsWith('.js'))
      .map((file) => readFileSync(path.join(folder, file), 'utf8'));
    const required = texts.flatMap((text) =>
      [...text.matchAll(/"\.\/([\w-]+\.json)"/g)].map(([, file]) => file!),
    );
    expect([...new Set(required)].sort()).toEqual(files.filter((file) => file.endsWith('.json')).sort());
    expect(required).toContain('iconv-cp936.json');
  });

  test('its start does not load undici, which takes as long as a third of the app', () => {
    const { modulesOfNode } = loadedAtStart();
    expect(modulesOfNode).toContain('NativeModule http');
    expect(modulesOfNode.filter((name) => name.includes('undici'))).toEqual([]);
  });

  test('packed, it has at most 1.2 MB, because each cold start fetches it', () => {
    const folder = path.join(top, 'dist/functions');
    const sizes = readdirSync(folder)
      .filter((file) => /\.js(on)?$/.test(file))
      .map((file) => deflateRawSync(readFileSync(path.join(folder, file)), { level: 9 }).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_200_000);
  });

  test('Application Insights reads its configuration file', async () => {
    await using collector = await startReceiver((_request, response) => response.writeHead(200).end());
    const file = app.place.file('applicationinsights.json');
    const url = `${collector.origin}/v1/traces`;
    writeFileSync(file, JSON.stringify({ otlpTraceExporterConfig: { enabled: true, url } }));
    await app.tenants('acme');
    const instance = await app.start({
      APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=${randomUUID()};IngestionEndpoint=http://127.0.0.1:9/`,
      APPLICATIONINSIGHTS_CONFIGURATION_FILE: file,
    });
    // The first invocation loads the exporter, so its own span is missing.
    await until('a span is exported', async () => {
      const served = instance.of('dispatch').length;
      // The spans of idle plans and runs are not exported.
      await app.library.wake('acme');
      await instance.tick();
      await until('the tenant is served', () => instance.of('dispatch').length > served);
      return collector.received.some(({ path }) => path === '/v1/traces');
    });
    expect(instance.output + JSON.stringify(instance.invocations)).not.toContain('__dirname');
  });

  test('it needs only Node and the modules of the worker', () => {
    const folder = path.join(top, 'dist/functions');
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.js'))) {
      const text = readFileSync(path.join(folder, file), 'utf8');
      const imported = [...text.matchAll(/(?:\bimport\(|\brequire\()"(@?[a-z][\w./:-]*)"/g)];
      const packages = imported.map(([, name]) => name!).filter((name) => !isBuiltin(name));
      expect([file, packages]).toEqual([file, packages.filter((name) => name === '@azure/functions-core')]);
    }
  });
});
