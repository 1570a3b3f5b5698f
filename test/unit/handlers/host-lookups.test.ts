import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostLookups } from '../../../src/handlers/host-lookups.ts';
import { hostResolver } from '../../../src/host-resolver.ts';
import { HostsFile } from '../../../src/hosts-file.ts';
import { startNameServer } from '../../support/name-server.ts';

const never = new AbortController().signal;

describe('names that name servers answer', () => {
  test('its addresses are found, and the name server is asked anew each time', async () => {
    let address = '192.0.2.1';
    await using server = await startNameServer(() => [address, '192.0.2.9']);
    const resolve = hostResolver({ servers: [server.address] });
    expect(await resolve('Hook.Example.', never)).toEqual(['192.0.2.1', '192.0.2.9']);
    address = '192.0.2.2';
    expect(await resolve('hook.example', never)).toEqual(['192.0.2.2', '192.0.2.9']);
    expect(server.asked).toEqual(['hook.example']);
  });

  test('D8: a name whose IPv6 addresses are never answered has its IPv4 addresses', async () => {
    await using server = await startNameServer((_, family) => (family === 4 ? ['192.0.2.1'] : null));
    // Shorter than all tries of one question take.
    const lookups = new HostLookups(hostResolver({ servers: [server.address] }), { timeoutMs: 3_000 });
    expect(await lookups.find('half.test', 'acme', never)).toEqual(['192.0.2.1']);
  });

  test('a name without an address is an error with a code', async () => {
    await using server = await startNameServer(() => []);
    const resolve = hostResolver({ servers: [server.address] });
    await expect(resolve('none.test', never)).rejects.toMatchObject({ code: 'ENODATA' });
  });

  test.each(['localhost', 'LOCALHOST.', 'app.localhost'])('%s is the machine itself', async (name) => {
    await using server = await startNameServer(() => ['192.0.2.1']);
    const resolve = hostResolver({ servers: [server.address] });
    expect(await resolve(name, never)).toContain('127.0.0.1');
    expect(server.asked).toEqual([]);
  });
});

describe('D8: the time limit of a look-up', () => {
  test('D8: a name that is never answered fails after it', async () => {
    await using server = await startNameServer(() => null);
    const lookups = new HostLookups(hostResolver({ servers: [server.address] }), { timeoutMs: 20 });
    await expect(lookups.find('silent.test', 'acme', never)).rejects.toMatchObject({ code: 'ETIMEOUT' });
  });

  test('D8: a resolver that ignores its signal is given up, and the tenant’s next names are asked for', async () => {
    const asked: string[] = [];
    const stuck = async (name: string) => {
      asked.push(name);
      return name.startsWith('stuck') ? new Promise<string[]>(() => {}) : ['192.0.2.1'];
    };
    const lookups = new HostLookups(stuck, { timeoutMs: 20 });
    const names = ['stuck-1', 'stuck-2', 'stuck-3', 'stuck-4', 'fine'];
    const found = await Promise.allSettled(names.map((name) => lookups.find(name, 'acme', never)));
    expect(found.map(({ status }) => status)).toEqual([...Array(4).fill('rejected'), 'fulfilled']);
    expect(asked).toEqual(names);
  });

  test('D8: a signal that fires ends the questions to the name server', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    await using server = await startNameServer(() => {
      stop.abort(reason);
      return null;
    });
    const resolve = hostResolver({ servers: [server.address] });
    await expect(resolve('silent.test', stop.signal)).rejects.toBe(reason);
    // One for IPv4 and one for IPv6; neither is repeated.
    expect(server.questions()).toBeLessThanOrEqual(2);
  });

  test('D8: a look-up whose signal has fired is not begun', async () => {
    const lookups = new HostLookups(async () => ['192.0.2.1']);
    const reason = new Error('stopped');
    await expect(lookups.find('hook.example', 'acme', AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe('the hosts file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'multi-outbox-hosts-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('its names come first, and a change is seen', async () => {
    const path = join(folder, 'hosts');
    writeFileSync(path, '# comment\r\n10.0.0.1\tReceiver receiver.internal # ours\n\nnonsense here\n');
    const hostsFile = new HostsFile(path);
    await using server = await startNameServer(() => ['192.0.2.1']);
    const resolve = hostResolver({ servers: [server.address], hostsFile });
    expect(await resolve('receiver', never)).toEqual(['10.0.0.1']);
    expect(await resolve('RECEIVER.internal.', never)).toEqual(['10.0.0.1']);
    expect(await resolve('here', never)).toEqual(['192.0.2.1']);
    writeFileSync(path, '10.0.0.2 receiver\n::1 receiver\n10.0.0.2 receiver # the same again\n');
    expect(await resolve('receiver', never)).toEqual(['10.0.0.2', '::1']);
  });

  test('without the file, the name servers are asked', async () => {
    await using server = await startNameServer(() => ['192.0.2.1']);
    const hostsFile = new HostsFile(join(folder, 'missing'));
    const resolve = hostResolver({ servers: [server.address], hostsFile });
    expect(await resolve('receiver', never)).toEqual(['192.0.2.1']);
  });
});
