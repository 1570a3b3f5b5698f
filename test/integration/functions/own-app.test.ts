import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Azurite } from '../../support/azurite.ts';
import { completeLines } from '../../support/complete-lines.ts';
import { FunctionsApp, type Instance } from '../../support/functions-app.ts';
import { until } from '../../support/until.ts';

const hostFolder = path.resolve(__dirname, '../../support/functions-host');
const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-function-app-'));
let azurite: Azurite;
beforeAll(async () => {
  const entry = path.join(hostFolder, 'own-app.ts');
  execFileSync(process.execPath, [path.join(hostFolder, 'bundle.mjs'), folder, '', entry]);
  azurite = await Azurite.start();
});
afterAll(async () => {
  await azurite?.stop();
  rmSync(folder, { recursive: true, force: true });
});
const app = new FunctionsApp(() => azurite);

const effectsFile = () => app.place.file('effects');
const effects = () => completeLines(effectsFile());

/** An instance whose directory lists these tenants, with databases that are made. */
async function start(...ids: string[]): Promise<Instance> {
  await app.tenants(...ids);
  const list = app.place.file('customers.json');
  writeFileSync(list, JSON.stringify(ids.map((id) => ({ id }))));
  return app.start({ OWN_APP_EFFECTS: effectsFile(), OWN_APP_TENANTS: list }, { folder });
}

describe('a user’s app, made by registerFunctions', () => {
  test('its handlers, its settings, and its strategy', async () => {
    const instance = await start('birch', 'acme');
    const plan = instance.functions.find(({ name }) => name === 'plan')!;
    expect(plan.bindings[0]).toMatchObject({ schedule: '0 */3 * * * *' });
    for (const id of ['birch', 'acme']) {
      await app.library.outbox(id).enqueue({ topic: 'own.note', payload: 'hello' });
    }
    const { outputs } = await instance.tick();
    expect(outputs.map(({ text }) => JSON.parse(text).tenantId)).toEqual(['acme']);
    await until('acme is dispatched', () => effects().length > 0);
    expect(effects()).toEqual(['acme hello in batches of 7']);
    const { outputs: next } = await instance.tick();
    expect(next.map(({ text }) => JSON.parse(text).tenantId)).toEqual(['birch']);
  });

  test('a webhook of its source is received and dispatched; an unknown source is not found', async () => {
    const instance = await start('acme');
    const send = (source: string, headers: Record<string, string>, body = 'hook-1') =>
      instance.fetch(`receive/acme/${source}`, { method: 'POST', headers, body });
    expect((await send('own', { 'x-own': 'yes' })).status).toBe(202);
    expect((await send('own', {})).status).toBe(401);
    expect((await send('other', { 'x-own': 'yes' })).status).toBe(404);
    expect((await send('own', { 'x-own': 'yes' }, 'x'.repeat(2_001))).status).toBe(413);
    const otherCopy = await send('other-copy', {});
    expect([otherCopy.status, await otherCopy.json()]).toEqual([
      401,
      expect.objectContaining({ detail: 'Refused by another copy of the library.' }),
    ]);
    await instance.tick();
    await until('it is dispatched', () => effects().length > 0);
    expect(effects()).toEqual(['acme hook-1 from own']);
  });

  test('D8: a source that cannot be read is unavailable, and the error of another one does not show the body', async () => {
    const instance = await start('acme');
    const send = (source: string, body: string) =>
      instance.fetch(`receive/acme/${source}`, { method: 'POST', body });
    expect((await send('unreadable', 'x')).status).toBe(503);
    const refused = await send('parsing', 'secret-body');
    expect(refused.status).toBe(500);
    const told = (await refused.text()) + instance.output + JSON.stringify(instance.invocations);
    expect(told).toContain("The source 'parsing' failed: SyntaxError.");
    expect(told).not.toContain('secret-body');
  });

  test('its directory: a tenant that is no longer listed is retired', async () => {
    const instance = await start('acme', 'birch');
    await instance.tick();
    expect((await app.library.tenants.get('acme')).tags).toEqual({ directory: 'customers' });
    writeFileSync(app.place.file('customers.json'), '[{"id":"birch"}]');
    await instance.stop();
    const later = await app.start(
      { OWN_APP_EFFECTS: effectsFile(), OWN_APP_TENANTS: app.place.file('customers.json') },
      { folder },
    );
    await later.tick();
    await until('acme is retired', async () => (await app.library.tenants.get('acme')).status === 'retired');
    expect((await app.library.tenants.get('birch')).status).toBe('active');
  });

  test('the app’s own function shares the multi-outbox', async () => {
    const instance = await start('acme');
    await app.library.outbox('acme').enqueue({ topic: 'own.note', payload: 'hello' });
    expect(await (await instance.fetch('own/acme')).json()).toMatchObject({ ready: 1, done: 0 });
  });
});
