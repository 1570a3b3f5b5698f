import type { LookupAddress, LookupOptions } from 'node:dns';
import {
  type AddressFence,
  fencedLookup,
  noFence,
  nonPublicRange,
  PrivateAddressError,
  refuseFencedLiteral,
} from '../../../src/handlers/public-address.ts';

describe('nonPublicRange', () => {
  test.each([
    ['0.0.0.0', 'unspecified'],
    ['10.0.0.1', 'private'],
    ['10.255.255.255', 'private'],
    ['100.64.0.1', 'carrierGradeNat'],
    ['127.0.0.1', 'loopback'],
    ['127.255.0.9', 'loopback'],
    ['168.63.129.16', 'azurePlatform'],
    ['169.254.169.254', 'linkLocal'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.0.0.192', 'reserved'],
    ['192.168.1.1', 'private'],
    ['198.18.0.1', 'reserved'],
    ['203.0.113.5', 'reserved'],
    ['224.0.0.1', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::127.0.0.1', 'loopback'],
    ['::7f00:1', 'reserved'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:10.1.2.3', 'private'],
    ['::ffff:a9fe:a9fe', 'linkLocal'],
    ['::ffff:168.63.129.16', 'azurePlatform'],
    ['::ffff:0:10.0.0.1', 'rfc6145'],
    ['64:ff9b::a00:1', 'rfc6052'],
    ['64:ff9b:1::a00:1', 'rfc6052'],
    ['100::1', 'discard'],
    ['2001::1', 'teredo'],
    ['2001:db8::1', 'reserved'],
    ['2002:a00:1::', '6to4'],
    ['4000::1', 'reserved'],
    ['fc00::1', 'uniqueLocal'],
    ['fd00:ec2::254', 'uniqueLocal'],
    ['fe80::1', 'linkLocal'],
    ['fe80::1%eth0', 'linkLocal'],
    ['fec0::1', 'deprecatedSiteLocal'],
    ['ff02::1', 'multicast'],
    ['not an address', 'unreadable'],
  ])('%s is not public: %s', (address, range) => {
    expect(nonPublicRange(address)).toBe(range);
  });

  test.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.1',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.0.1',
    '172.32.0.1',
    '192.167.0.1',
    '168.63.129.17',
    '169.253.0.1',
    '::ffff:8.8.8.8',
    '2606:4700::1111',
    '2a00:1450::1',
  ])('%s is public', (address) => {
    expect(nonPublicRange(address)).toBeNull();
  });
});

describe('refuseFencedLiteral', () => {
  test.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://127.0.0.1./',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://017700000001/',
    'http://①②⑦.0.0.1/',
    'http://%31%32%37.0.0.1/',
    'http://0/',
    'http://0.0.0.0:8080/',
    'http://10.1.2.3/',
    'http://172.16.0.1/',
    'http://192.168.0.1/',
    'http://100.64.1.1/',
    'http://169.254.169.254/latest/meta-data',
    'http://[::1]/',
    'http://[0:0:0:0:0:0:0:1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[fc00::1]/',
    'http://[fd12:3456::1]/',
    'http://[fe80::1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[2002:7f00:1::]/',
  ])('refuses %s', (url) => {
    expect(() => refuseFencedLiteral(new URL(url), nonPublicRange)).toThrow(PrivateAddressError);
  });

  test.each([
    'http://1.1.1.1/',
    'http://[2606:4700::1111]/',
    'http://example.com/',
    'http://10.example.com/',
  ])('lets %s pass', (url) => {
    expect(() => refuseFencedLiteral(new URL(url), nonPublicRange)).not.toThrow();
  });
});

describe('fencedLookup', () => {
  const lookup = (
    addresses: readonly string[],
    options: LookupOptions,
    fence: AddressFence = nonPublicRange,
  ): Promise<string | LookupAddress[]> =>
    new Promise((resolve, reject) => {
      const answer = async () => addresses;
      fencedLookup(answer, fence)('hook.example.com', options, (error, found) =>
        error ? reject(error) : resolve(found),
      );
    });

  test('gives the addresses that it checked, in either form a socket asks for', async () => {
    expect(await lookup(['1.1.1.1', '2606:4700::1'], { all: true })).toEqual([
      { address: '1.1.1.1', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ]);
    expect(await lookup(['1.1.1.1', '2606:4700::1'], {})).toBe('1.1.1.1');
    expect(await lookup(['1.1.1.1', '2606:4700::1'], { family: 6 })).toBe('2606:4700::1');
  });

  test('one private address among public ones is enough to refuse', async () => {
    await expect(lookup(['1.1.1.1', '10.0.0.1'], { all: true })).rejects.toThrow(PrivateAddressError);
    await expect(lookup(['1.1.1.1', '::ffff:127.0.0.1'], {})).rejects.toThrow(PrivateAddressError);
    // The socket asks only for the public address, but a name that also has a private one is not trusted.
    await expect(lookup(['1.1.1.1', '::1'], { family: 4 })).rejects.toThrow(PrivateAddressError);
  });

  test('with the setting, private addresses pass', async () => {
    expect(await lookup(['127.0.0.1'], {}, noFence)).toBe('127.0.0.1');
  });

  test('a name without an address fails like an unknown name', async () => {
    await expect(lookup([], { all: true })).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
