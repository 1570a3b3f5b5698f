import { Resolver } from 'node:dns/promises';
import { HostsFile } from './hosts-file.ts';

/**
 * Resolves a host name to IP addresses; rejects if it cannot. The signal fires when the attempt ends or the look-up
 * takes too long; a resolver should then stop.
 */
export type ResolveHost = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>;

/** Milliseconds until a question is asked again, of the next name server if there is one. */
const retryMs = 1_500;
const tries = 2;
/**
 * Milliseconds that the addresses of one family wait for those of the other. Some name servers never answer a question
 * for IPv6 addresses, and the name must work all the same (RFC 8305, section 3).
 */
const otherFamilyMs = 200;

/**
 * A resolver that asks the machine's hosts file and then its name servers. A look-up ends as soon as its signal fires.
 *
 * It does not use the operating system's `getaddrinfo` (`dns.lookup`): that call cannot be cancelled, and Node runs few
 * of them at once, on threads that the whole process shares. Two names whose name servers do not answer would stop the
 * look-ups of all tenants for half a minute. The price: no search domains (a name must be complete), and no other
 * sources that the system may be configured with, such as mDNS.
 *
 * @param servers name servers instead of the machine's, such as '192.0.2.1:53'
 */
export function hostResolver({
  servers,
  hostsFile = new HostsFile(),
}: {
  readonly servers?: readonly string[];
  readonly hostsFile?: HostsFile;
} = {}): ResolveHost {
  return async (hostname, signal) => {
    signal.throwIfAborted();
    const name = hostname.replace(/\.$/, '').toLowerCase();
    const listed = hostsFile.addressesOf(name);
    if (listed.length > 0) return listed;
    // RFC 6761: these names are the machine itself, and name servers are not asked.
    if (name === 'localhost' || name.endsWith('.localhost')) return ['127.0.0.1', '::1'];

    // `cancel` ends all questions of a resolver, so each look-up has its own.
    const resolver = new Resolver({ timeout: retryMs, tries });
    if (servers) resolver.setServers(servers);
    const cancel = () => resolver.cancel();
    let timer: NodeJS.Timeout | undefined;
    const cancelSoon = () => {
      timer ??= setTimeout(cancel, otherFamilyMs);
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const questions = [resolver.resolve4(name), resolver.resolve6(name)] as const;
      for (const question of questions) void question.then(cancelSoon, () => {});
      const [v4, v6] = await Promise.allSettled(questions);
      // IPv4 first: many networks have no route for IPv6, and a socket tries the addresses in this order.
      const addresses = [v4, v6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      if (addresses.length > 0) return addresses;
      signal.throwIfAborted();
      throw (v4 as PromiseRejectedResult).reason;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
    }
  };
}
