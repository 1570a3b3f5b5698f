import { Webhook } from 'standardwebhooks';
import { SignatureRefused, sourcesByName, type WebhookSource } from '../../../src/inbox/webhook-source.ts';
import { loadSettings } from '../../../src/settings.ts';
import { createSources, standardWebhooks } from '../../../src/sources/index.ts';

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const other = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;
const body = '{"type":"order.paid","data":{"order":1}}';
const source = standardWebhooks({ name: 'bank', secret, toleranceMs: 60_000 });

/** A request signed by the reference implementation. */
function signed({ by = secret, ageMs = 0, sent = body, headers = {} as Record<string, string> } = {}) {
  const sentAt = new Date(Date.now() - ageMs);
  return {
    tenantId: 'acme',
    body: sent,
    headers: new Headers({
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1_000)),
      'webhook-signature': new Webhook(by).sign('msg_1', sentAt, sent),
      ...headers,
    }),
  };
}

describe('a source that signs as Standard Webhooks specifies', () => {
  test('a signed request is accepted: its id, its body unchanged, its type as the topic', async () => {
    expect(await source.verify(signed())).toEqual({ messageId: 'msg_1', topic: 'order.paid', payload: body });
  });

  test.each(['plain text', '[1]', 'null', '{"type":7}'])(
    'without a type, %s has the source’s name',
    async (sent) => {
      expect(await source.verify(signed({ sent }))).toMatchObject({ topic: 'bank', payload: sent });
    },
  );

  test('I1: a captured signature cannot be cut elsewhere to make a second message of it', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const captured = signed({ sent: `${now}.${body}` });
    expect(await source.verify(captured)).toMatchObject({ messageId: 'msg_1' });
    const headers = new Headers(captured.headers);
    headers.set('webhook-id', `msg_1.${captured.headers.get('webhook-timestamp')}`);
    headers.set('webhook-timestamp', String(now));
    const cut = { ...captured, headers, body };
    await expect(source.verify(cut)).rejects.toMatchObject({ name: 'SignatureRefused' });
  });

  test('a secret can be rotated: both sides accept either of two', async () => {
    const both = standardWebhooks({ name: 'bank', secret: `${other} ${secret}`, toleranceMs: 60_000 });
    for (const by of [secret, other])
      expect(await both.verify(signed({ by }))).toMatchObject({ messageId: 'msg_1' });
    const mine = signed().headers.get('webhook-signature')!;
    const theirs = signed({ by: other }).headers.get('webhook-signature')!;
    const headers = { 'webhook-signature': `v1a,xyz ${theirs} ${mine}` };
    expect(await source.verify(signed({ headers }))).toMatchObject({ messageId: 'msg_1' });
  });

  test.each([
    ['another secret', signed({ by: other }), 'does not match'],
    ['another body', { ...signed(), body: `${body} ` }, 'does not match'],
    ['another id', signed({ headers: { 'webhook-id': 'msg_2' } }), 'does not match'],
    ['no id', signed({ headers: { 'webhook-id': '' } }), 'needs the headers'],
    ['an id with a dot', signed({ headers: { 'webhook-id': 'msg.1' } }), "must not contain a '.'"],
    ['no signature', signed({ headers: { 'webhook-signature': '' } }), 'needs the headers'],
    [
      'a signature of another version',
      signed({ headers: { 'webhook-signature': 'v2,abc' } }),
      'does not match',
    ],
    ['no timestamp', signed({ headers: { 'webhook-timestamp': '' } }), 'needs the headers'],
    ['a timestamp that is none', signed({ headers: { 'webhook-timestamp': '-1' } }), 'needs the headers'],
    ['a request of long ago', signed({ ageMs: 3_600_000 }), 'timestamp'],
    ['a request of the future', signed({ ageMs: -3_600_000 }), 'timestamp'],
  ])('%s is refused', async (_, request, reason) => {
    const refusal = await Promise.resolve(source.verify(request)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(SignatureRefused);
    expect((refusal as Error).message).toContain(reason);
    expect((refusal as Error).message).not.toContain(secret);
  });
});

describe('the sources of a deployment', () => {
  const settings = (sources: string) => loadSettings({}, { MULTI_OUTBOX_RECEIVE_SOURCES: sources });

  test('each has its secret in the app setting that it names', async () => {
    const sources = createSources(settings('bank = BANK_SECRET, shop=SHOP_SECRET'), {
      BANK_SECRET: secret,
      SHOP_SECRET: other,
    });
    expect([...sourcesByName(sources).keys()]).toEqual(['bank', 'shop']);
    expect(await sources[1]!.verify(signed({ by: other }))).toMatchObject({ messageId: 'msg_1' });
    expect(createSources(loadSettings({}, {}), {})).toEqual([]);
  });

  test('a source with a missing or invalid secret is unusable, names its setting, shows no secret', async () => {
    const made = (env: NodeJS.ProcessEnv) => {
      const [bank, shop] = createSources(settings('bank=BANK_SECRET, shop=SHOP_SECRET'), {
        SHOP_SECRET: secret,
        ...env,
      });
      expect([bank!.name, shop!.unusable]).toEqual(['bank', undefined]);
      expect(() => bank!.verify(signed())).toThrow(bank!.unusable);
      return bank!.unusable!.message;
    };
    expect(made({})).toMatch(/'BANK_SECRET' is not set; .*'bank'/);
    expect(made({ BANK_SECRET: 'hunter2' })).toMatch(/\(BANK_SECRET\) is invalid; it must be/);
    expect(made({ BANK_SECRET: 'hunter2' })).not.toMatch(/hunter2/);
    const unresolved = made({ BANK_SECRET: '@Microsoft.KeyVault(VaultName=kv-abc;SecretName=bank)' });
    expect(unresolved).toMatch(
      /'BANK_SECRET' of the webhook source 'bank' .*reference that was not resolved/,
    );
    expect(unresolved).not.toContain('kv-abc');
  });

  test.each(['bank', 'bank=', 'bank=a b'])('%s is not a list of sources', (sources) => {
    expect(() => settings(sources)).toThrow(/MULTI_OUTBOX_RECEIVE_SOURCES is .* must be a list of sources/);
  });

  test('names that do not fit into an address, and duplicate names, are refused', () => {
    const named = (name: string): WebhookSource => ({ ...source, name });
    expect(() => sourcesByName([named('a/b')])).toThrow(/"a\/b" cannot be used/);
    expect(() => sourcesByName([named('a'), named('a')])).toThrow(/also the name of another source/);
  });
});

test('D8: a source whose fields throw when they are read is unusable, and the others work', () => {
  const throwing = {
    get() {
      throw new Error('cannot be read');
    },
  };
  const odd = Object.defineProperty({ ...source, name: 'odd' }, 'unusable', throwing);
  const byName = sourcesByName([odd, source]);
  expect(byName.get('odd')!.unusable).toMatchObject({ code: 'INVALID_CONFIGURATION' });
  expect(byName.get('bank')!.unusable).toBeUndefined();
  const nameless = Object.defineProperty({ ...source }, 'name', throwing);
  expect(() => sourcesByName([nameless])).toThrow(expect.objectContaining({ code: 'INVALID_CONFIGURATION' }));
});

test('a secret that is named like a property of every object is a missing app setting', () => {
  const { receive } = loadSettings({ receive: { sources: { bank: 'constructor' } } }, {});
  expect(createSources({ receive }, {})[0]?.unusable).toMatchObject({ code: 'INVALID_CONFIGURATION' });
});
