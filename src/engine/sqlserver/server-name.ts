/**
 * The one grammar for the names of servers: `tcp:host\instance,port` and its shorter forms. It runs before anything else
 * reads such a text, and all spellings of one server give one result, which is compared, matched against the allowed
 * servers and given to the driver.
 *
 * The driver looks a name up by the rules for the hosts of URLs, which accept more than names: it connects to `a` when the
 * text is `a#.b`, `a/.b` or `%61`, and to 127.0.0.1 for `127.1`. So a host outside the grammar is refused, not repaired.
 */
import { isIPv4, isIPv6 } from 'node:net';

export interface ServerName {
  /**
   * A DNS name in lower case without the dot of the root, or an IP address: an IPv6 address in its shortest form, without
   * brackets.
   */
  readonly host: string;
  readonly port: number;
  /** A named instance, which chooses its own port; in lower case. */
  readonly instance: string | null;
}

const defaultPort = 1433;
/** The name of the instance that has no name. */
const defaultInstance = 'mssqlserver';
/** Characters: more than the longest host, instance and port together. */
const longestServer = 320;
const longestHost = 253;

/**
 * Reads `host`, `host,port`, `host:port` or `host\instance`, after an optional `tcp:`. A port identifies the instance, so
 * the instance's name beside a port is ignored. Null if the text is none of these.
 */
export function parseServer(text: string): ServerName | null {
  if (text.length > longestServer || !/^[\x20-\x7e]*$/.test(text)) return null;
  const { address, port } = withoutPort(text.trim().replace(/^tcp:/i, ''));
  if (port !== null && (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)) return null;
  const backslash = address.indexOf('\\');
  const host = canonicalHost(backslash === -1 ? address : address.slice(0, backslash));
  if (host === null) return null;
  const instance = backslash === -1 ? defaultInstance : address.slice(backslash + 1).toLowerCase();
  // The rule for names of instances, without letters outside ASCII.
  if (!/^[a-z_#&][a-z0-9_#$&]{0,15}$/.test(instance)) return null;
  return {
    host,
    port: port === null ? defaultPort : Number(port),
    instance: port === null && instance !== defaultInstance ? instance : null,
  };
}

/** The canonical form of a host's name or address; null if the text is neither. */
export function canonicalHost(text: string): string | null {
  if (text.length > longestServer || !/^[\x21-\x7e]*$/.test(text)) return null;
  const lower = text.toLowerCase();
  if (lower === '.' || lower === '(local)') return 'localhost';
  const address = /^\[.*\]$/.test(lower) ? lower.slice(1, -1) : lower;
  // An address with a zone (fe80::1%eth0) is not the same server on every host.
  if (isIPv6(address)) return address.includes('%') ? null : shortestAddress(address);
  const host = lower.endsWith('.') ? lower.slice(0, -1) : lower;
  return isIPv4(host) || isName(host) ? host : null;
}

function isName(host: string): boolean {
  if (host.length > longestHost) return false;
  const labels = host.split('.');
  // The rules for URLs read a name whose last label is a number as an IPv4 address.
  if (/^(?:\d+|0x[\da-f]*)$/.test(labels.at(-1)!)) return false;
  return labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
}

/** Also turns an IPv4 address that is mapped to IPv6 (::ffff:10.0.0.1) back. */
function shortestAddress(address: string): string {
  const shortest = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(shortest) ?? [];
  if (high === undefined || low === undefined) return shortest;
  const [upper, lower] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [upper >> 8, upper & 0xff, lower >> 8, lower & 0xff].join('.');
}

function withoutPort(text: string): { address: string; port: string | null } {
  const comma = text.lastIndexOf(',');
  if (comma !== -1)
    return { address: text.slice(0, comma).trimEnd(), port: text.slice(comma + 1).trimStart() };
  // The colons of an IPv6 address without brackets are part of the address.
  const [, address, port] = /^(\[[^\]]*\]|[^:[\]]*):(\d*)$/.exec(text) ?? [];
  return address === undefined || port === undefined ? { address: text, port: null } : { address, port };
}

/** One text for each server, in a form that `parseServer` reads. */
export function serverKey({ host, port, instance }: ServerName): string {
  const address = host.includes(':') ? `[${host}]` : host;
  return instance === null ? `${address},${port}` : `${address}\\${instance}`;
}

/** Two keys are equal exactly when their targets mean the same physical database (F1). */
export function databaseKey(target: ServerName & { readonly database: string }): string {
  return `${serverKey(target)}/${databaseName(target.database).toLowerCase()}`;
}

/** SQL Server ignores blanks at the end of a database's name. */
export function databaseName(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === ' ') end--;
  return text.slice(0, end);
}
