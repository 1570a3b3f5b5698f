import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Resolves a host name to IP addresses; rejects when it cannot. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

/** The machine's own resolver, hosts file included. */
export const systemResolver: ResolveHost = async (hostname) =>
  (await lookup(hostname, { all: true })).map(({ address }) => address);

/** An address that is not on the public internet was about to be connected to. */
export class PrivateAddressError extends Error {
  override readonly name = 'PrivateAddressError';
  /** What the address is instead, such as 'loopback'. */
  readonly range: string;

  constructor(range: string) {
    super(`the address is not public (${range})`);
    this.range = range;
  }
}

// Routed like a public address, but answered by the host of an Azure machine: its metadata and DNS service.
const azurePlatformAddress = '168.63.129.16';
const globalUnicast: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

/**
 * What a given IP address is instead of a public one, such as 'loopback' or 'private'; null when it is public.
 *
 * Everything special is refused, not a list of known-bad ranges. That takes in what only leads elsewhere: NAT64,
 * 6to4 and Teredo carry an IPv4 address within, which a gateway may well deliver to a private network.
 */
export function nonPublicRange(address: string): string | null {
  if (!ipaddr.isValid(address)) return 'unreadable';
  // IPv4-mapped IPv6 is unwrapped here: the kernel connects to the IPv4 address.
  const parsed = ipaddr.process(address);
  const range = parsed.range();
  if (range !== 'unicast') return range;
  if (parsed.kind() === 'ipv4') return parsed.toString() === azurePlatformAddress ? 'azurePlatform' : null;
  // Outside 2000::/3 nothing is assigned for use, yet some of it works, such as ::127.0.0.1 on old stacks.
  return (parsed as ipaddr.IPv6).match(globalUnicast) ? null : 'reserved';
}

/** What is wrong with connecting to an IP address, in a word; null when nothing is. */
export type AddressFence = (address: string) => string | null;

/** Lets everything pass. */
export const noFence: AddressFence = () => null;

/** @throws PrivateAddressError when the URL's host is an IP address, in any notation, that the fence refuses */
export function refuseFencedLiteral(url: URL, fence: AddressFence): void {
  // The URL parser has already turned 127.1, 0x7f000001, 017700000001 and the like into dotted decimal.
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const range = isIP(host) === 0 ? null : fence(host);
  if (range !== null) throw new PrivateAddressError(range);
}

/**
 * A lookup for sockets that fails with PrivateAddressError unless the fence lets every address of the name pass.
 * The socket connects to the very addresses checked here, so a second answer from the name server changes nothing
 * (DNS rebinding). Sockets do not ask it for IP literals: see `refuseFencedLiteral`.
 */
export function fencedLookup(resolve: ResolveHost, fence: AddressFence): LookupFunction {
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
