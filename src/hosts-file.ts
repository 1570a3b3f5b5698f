import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';

const systemFile =
  process.platform === 'win32'
    ? join(process.env.SystemRoot ?? 'C:\\Windows', 'System32', 'drivers', 'etc', 'hosts')
    : '/etc/hosts';

/**
 * The machine's hosts file. It is read synchronously, and again only when it has changed: a read in the background would
 * wait for a thread of Node's pool, which other work may hold.
 */
export class HostsFile {
  readonly #path: string;
  #stamp = '';
  #addresses: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(path: string = systemFile) {
    this.#path = path;
  }

  /** The addresses of a name, in the file's order; empty if the file does not have the name, or cannot be read. */
  addressesOf(name: string): readonly string[] {
    try {
      const found = statSync(this.#path, { throwIfNoEntry: false });
      const stamp = found === undefined ? '' : `${found.mtimeMs} ${found.size} ${found.ino}`;
      if (stamp !== this.#stamp) {
        this.#addresses = stamp === '' ? new Map() : parsed(readFileSync(this.#path, 'utf8'));
        this.#stamp = stamp;
      }
    } catch {
      return [];
    }
    return this.#addresses.get(name.toLowerCase()) ?? [];
  }
}

function parsed(text: string): Map<string, string[]> {
  const addresses = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names.map((one) => one.toLowerCase())) {
      const known = addresses.get(name);
      if (known === undefined) addresses.set(name, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return addresses;
}
