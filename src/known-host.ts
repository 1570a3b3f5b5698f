/**
 * Against DNS rebinding: a page in a browser can reach a server of its user's machine by a name of an attacker's that leads
 * there, and read the answer as its own. Such a request has that name in its Host header, so a server that knows its names
 * refuses others.
 * @param host a Host header, such as 'localhost:8080'
 * @param hosts lower-case names with their ports; undefined if any will do
 */
export function isKnownHost(host: string, hosts: readonly string[] | undefined): boolean {
  return hosts === undefined || hosts.includes(host.toLowerCase());
}

/** The hosts under which a server on this machine's own address is reached; undefined for an address of a network. */
export function loopbackHosts({ host, port }: { readonly host: string; readonly port: number }) {
  if (!/^(?:127\.[\d.]+|::1|localhost)$/i.test(host)) return undefined;
  const names = ['127.0.0.1', 'localhost', '[::1]', host.toLowerCase()];
  // Clients leave out the port of the scheme.
  return names.flatMap((name) => [`${name}:${port}`, ...(port === 80 ? [name] : [])]);
}
