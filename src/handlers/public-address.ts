import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A request would have connected to an address that is not on the public internet. */
export class PrivateAddressError extends Error {
  override readonly name = 'PrivateAddressError';
  /** The kind of the address, such as 'loopback'. */
  readonly range: string;

  constructor(range: string) {
    super(`the address is not public (${range})`);
    this.range = range;
  }
}

// This address looks public, but inside Azure the machine's host offers its metadata and DNS services there.
const azurePlatformAddress = '168.63.129.16';
const globalUnicast: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

/**
 * The range of an IP address that is not public, such as 'loopback' or 'private'; null for a public address.
 *
 * Only ordinary public addresses pass; every special range is refused. This includes NAT64, 6to4 and Teredo addresses:
 * they contain an IPv4 address, and a gateway could deliver to it in a private network.
 */
export function nonPublicRange(address: string): string | null {
  if (!ipaddr.isValid(address)) return 'unreadable';
  // `process` unwraps an IPv4-mapped IPv6 address, because the kernel connects to the IPv4 address in it.
  const parsed = ipaddr.process(address);
  const range = parsed.range();
  if (range !== 'unicast') return range;
  if (parsed.kind() === 'ipv4') return parsed.toString() === azurePlatformAddress ? 'azurePlatform' : null;
  // Only 2000::/3 is assigned for public use, but some other addresses also connect, such as ::127.0.0.1 on old stacks.
  return (parsed as ipaddr.IPv6).match(globalUnicast) ? null : 'reserved';
}

/** Checks an IP address: returns the reason to refuse it, in one word, or null to allow it. */
export type AddressFence = (address: string) => string | null;

/** Allows every address. */
export const noFence: AddressFence = () => null;

/** @throws PrivateAddressError when the URL's host is an IP address, in any notation, that the fence refuses */
export function refuseFencedLiteral(url: URL, fence: AddressFence): void {
  // The URL parser has already turned 127.1, 0x7f000001, 017700000001 and the like into dotted decimal.
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const range = isIP(host) === 0 ? null : fence(host);
  if (range !== null) throw new PrivateAddressError(range);
}

/**
 * A DNS lookup for sockets that fails with PrivateAddressError unless the fence allows every address of the name. The
 * socket connects to exactly the addresses checked here, so a different second answer from the name server has no effect
 * (DNS rebinding). Sockets do not look up IP literals; `refuseFencedLiteral` checks those.
 */
export function fencedLookup(
  resolve: (hostname: string) => Promise<readonly string[]>,
  fence: AddressFence,
): LookupFunction {
  const resolved = async (hostname: string, family: number) => {
    const addresses = (await resolve(hostname)).map((address) => ({ address, family: isIP(address) }));
    for (const { address } of addresses) {
      const range = fence(address);
      if (range !== null) throw new PrivateAddressError(range);
    }
    const usable = family === 0 ? addresses : addresses.filter((candidate) => candidate.family === family);
    if (usable.length === 0) {
      throw Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' });
    }
    return usable;
  };
  return (hostname, options, callback) => {
    const family = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : (options.family ?? 0);
    resolved(hostname, family).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all) callback(null, addresses);
        else callback(null, first!.address, first!.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    );
  };
}
