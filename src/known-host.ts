/**
 * Against DNS rebinding: a page in a browser can reach a server of its user's machine by a name of an attacker's that leads
 * there, and read the answer as its own. Such a request has that name in its Host header, so a server that knows its names
 * refuses others.
 * @param host a Host header, such as 'localhost:8080'
 * @param hosts lower-case names, with their ports if the header has its port; undefined if any will do
 */
export function isKnownHost(host: string, hosts: readonly string[] | undefined): boolean {
  return hosts === undefined || hosts.includes(host.toLowerCase());
}

/** A Host header without its port: through a tunnel, clients name the port of its other end. */
export function withoutPort(host: string): string {
  return host.replace(/:\d{1,5}$/, '');
}

/** The names under which a server on this machine's own address is reached; undefined for an address of a network. */
export function loopbackNames(host: string): string[] | undefined {
  if (!/^(?:127\.[\d.]+|::1|localhost)$/i.test(host)) return undefined;
  return ['127.0.0.1', 'localhost', '[::1]', host.toLowerCase()];
}

/** The same names with the port. */
export function loopbackHosts({ host, port }: { readonly host: string; readonly port: number }) {
  // Clients leave out the port of the scheme.
  return loopbackNames(host)?.flatMap((name) => [`${name}:${port}`, ...(port === 80 ? [name] : [])]);
}
