/** The registry's URL in its parts: `mssql://[user[:password]@]server[:port]/database[?parameters]`. */
import { databaseName, parseServer, type ServerName } from './server-name.ts';

export interface RegistryUrl {
  readonly server: ServerName;
  readonly database: string;
  /** Empty when the URL has none. */
  readonly user: string;
  readonly password: string;
  readonly parameters: URLSearchParams;
}

/**
 * Not Node's URL: it drops tabs and line breaks from the text and decodes the host, so it could name another server than
 * the text that people read.
 */
const form =
  /^mssql:\/\/(?:(?<login>[^/?#]*)@)?(?<server>[^/?#@]*)\/(?<database>[^?#]*)(?:\?(?<parameters>[^#]*))?$/i;

/** @param refuse throws an error with the given end of a sentence that begins with 'the registry's URL' */
export function parseRegistryUrl(url: string, refuse: (what: string) => never): RegistryUrl {
  const {
    login = '',
    server: serverText = '',
    database: path = '',
    parameters = '',
  } = form.exec(url)?.groups ?? {};
  const server = parseServer(serverText);
  const decoded = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      return refuse(
        "has a '%' in its user, password or database that does not begin an encoded character; write the character % itself as %25",
      );
    }
  };
  const database = databaseName(decoded(path));
  if (server === null || database === '' || database.includes('/')) {
    return refuse(
      'names no server and database; write it as mssql://server/database, and write the characters %, /, ?, # and @ in a user or password as %25, %2F, %3F, %23 and %40',
    );
  }
  const colon = login.indexOf(':');
  const [user, password] = colon === -1 ? [login, ''] : [login.slice(0, colon), login.slice(colon + 1)];
  return {
    server,
    database,
    user: decoded(user),
    password: decoded(password),
    parameters: new URLSearchParams(parameters),
  };
}
