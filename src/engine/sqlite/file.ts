/** A database file and this program's one connection to it. */
import { accessSync, closeSync, constants, fdatasync, mkdirSync, openSync } from 'node:fs';
import { type FileHandle, open as openFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { rangeOf } from '../plan-range.ts';
import { Semaphore } from '../semaphore.ts';
import { Connection } from './connection.ts';
import type { FileAccess } from './errors.ts';
import { placeOf, statOf } from './file-identity.ts';
import { canonicalPath, isLink, memoryPath } from './paths.ts';
import { UnchangedFiles } from './unchanged-files.ts';

/** By descriptor, because the file handles of Yarn's Plug'n'Play have no `datasync`. */
const syncData = promisify(fdatasync);

export type Synchronous = 'full' | 'normal';

/**
 * Thrown by `connect` when the file does not exist. The caller converts it, because only the caller knows the tenant.
 */
export class FileMissing extends Error {}

/** Thrown by `connect` when the file is open by another of its names. */
export class FileShared extends Error {
  readonly otherPath: string;

  constructor(otherPath: string) {
    super(otherPath);
    this.otherPath = otherPath;
  }
}

/**
 * Thrown by `connect` when the file is a link to nothing, or a file that SQLite keeps beside it is a link. SQLite would follow
 * it, and create or fill a file somewhere else, which may be another database's.
 */
export class FileLinked extends Error {
  readonly link: string;

  constructor(link: string) {
    super(link);
    this.link = link;
  }
}

/** What SQLite appends to a database's path for the files that it keeps beside it. */
const besides = ['-wal', '-shm', '-journal'];

/** The files that an engine has open, by their place. */
export type OpenFiles = Map<string, DatabaseFile>;

export class DatabaseFile {
  readonly path: string;
  readonly synchronous: Synchronous;
  /** Limits handlers' transactions to one, because the file has one writer. */
  readonly transactions = new Semaphore(1);
  /** Replaces the machine's clock; a connection that a caller opened does not use it. */
  readonly clock: (() => number) | undefined;
  #connection: Connection | null = null;
  /** For handlers' transactions; null while one has it. */
  #spare: Connection | null = null;
  readonly #openFiles: OpenFiles;
  /** Null with another clock than that of the file system, which tells when a file was changed. */
  readonly unchanged: UnchangedFiles | null;
  #place: string | null = null;

  constructor(
    path: string,
    synchronous: Synchronous,
    clock?: () => number,
    openFiles: OpenFiles = new Map(),
    unchanged = new UnchangedFiles(),
  ) {
    this.path = path;
    this.synchronous = synchronous;
    this.clock = clock;
    this.#openFiles = openFiles;
    this.unchanged = clock === undefined ? unchanged : null;
  }

  get inMemory(): boolean {
    return this.path === memoryPath;
  }

  access(): FileAccess {
    if (this.inMemory) return 'read-write';
    if (statOf(this.path) === undefined) return isLink(this.path) ? 'broken-link' : 'missing';
    if (lacksDescriptors(dirname(this.path))) return 'too-many-open';
    try {
      accessSync(this.path, constants.W_OK);
      // SQLite writes the WAL next to the file, so the folder must be writable too.
      accessSync(dirname(this.path), constants.W_OK);
      return 'read-write';
    } catch {
      return 'read-only';
    }
  }

  /**
   * Returns the connection, and opens it if necessary. It also notices a file that was deleted or replaced since it
   * was opened: the stat costs about 2 µs, less than any statement.
   * @throws FileMissing, FileShared, FileLinked, or an error of node:sqlite
   */
  connect(options: { create?: boolean } = {}): Connection {
    if (this.inMemory) {
      this.#connection ??= this.#open(memoryPath);
      return this.#connection;
    }
    const found = statOf(this.path);
    if (this.#connection !== null) {
      if (found !== undefined && placeOf(found) === this.#place) return this.#connection;
      // SQLite detects that its file was moved, and does not touch the WAL of the file that replaced it.
      this.disconnect();
    }
    this.#assertNoLinks(found !== undefined);
    if (found === undefined) {
      if (options.create !== true) throw new FileMissing(this.path);
      mkdirSync(dirname(this.path), { recursive: true });
      this.#connection = this.#open(this.path);
    } else {
      this.#assertNotShared(placeOf(found));
      this.unchanged?.opening(this.path, found);
      this.#connection = this.#open(withoutCreating(this.path));
    }
    const opened = found ?? statOf(this.path);
    this.#place = opened === undefined ? null : placeOf(opened);
    if (this.#place !== null) this.#openFiles.set(this.#place, this);
    return this.#connection;
  }

  /** Brings to the disk what was committed without an fsync. */
  async sync(): Promise<void> {
    if (this.inMemory || this.synchronous === 'normal') return;
    let wal: FileHandle;
    try {
      // The WAL has what is not in the database's file yet. SQLite holds no lock on it: closing a descriptor of a file ends
      // the process's locks on that file.
      wal = await openFile(`${canonicalPath(this.path)}-wal`, 'r+');
    } catch (error) {
      // SQLite removes the WAL once all of it is in the database's file, and synced.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    try {
      await syncData(wal.fd);
    } finally {
      await wal.close();
    }
  }

  /** Another connection, for a handler's transaction. Call `connect` first; the caller keeps it as a spare, or closes it. */
  connectApart(): Connection {
    const spare = this.#spare;
    this.#spare = null;
    return spare ?? this.#open(withoutCreating(this.path));
  }

  /** Keeps a connection for the next `connectApart`. @param beside what `connect` returned before this one was taken */
  keepSpare(connection: Connection, beside: Connection): void {
    if (this.#connection === beside && this.#spare === null) this.#spare = connection;
    else closeQuietly(connection.database);
  }

  closeSpare(): void {
    const spare = this.#spare;
    this.#spare = null;
    closeQuietly(spare?.database);
  }

  /** Closes the connections; the next `connect` opens a new one. Idempotent. */
  disconnect(): void {
    this.closeSpare();
    const connection = this.#connection;
    this.#connection = null;
    if (this.#place !== null && this.#openFiles.get(this.#place) === this)
      this.#openFiles.delete(this.#place);
    this.#place = null;
    closeQuietly(connection?.database);
  }

  /**
   * SQLite names the files beside a database after the path by which it was opened: by two names of one file, two WALs
   * would be written for it. It resolves symbolic links itself.
   */
  #assertNotShared(place: string | null): void {
    const other = place === null ? undefined : this.#openFiles.get(place);
    if (other === undefined || other === this || canonicalPath(other.path) === canonicalPath(this.path))
      return;
    // The file may have been renamed since.
    const stats = statOf(other.path);
    if (stats !== undefined && placeOf(stats) === place) throw new FileShared(other.path);
  }

  #assertNoLinks(exists: boolean): void {
    const isALink = isLink(this.path);
    if (!exists && isALink) throw new FileLinked(this.path);
    // Links in the path to its folder lead to the same folder for all of these files.
    const path = isALink ? canonicalPath(this.path) : this.path;
    const link = besides.map((suffix) => path + suffix).find(isLink);
    if (link !== undefined) throw new FileLinked(link);
  }

  #open(location: string): Connection {
    const database = new DatabaseSync(location);
    try {
      // No busy timeout: SQLite would block the event loop while it waits for a lock, and so delay all tenants.
      database.exec(`PRAGMA synchronous = ${this.synchronous.toUpperCase()}`);
      database.exec('PRAGMA temp_store = MEMORY');
      // A WAL that grew in a burst is truncated to this size at the next checkpoint.
      database.exec('PRAGMA journal_size_limit = 67108864');
      // SQLite's own case-insensitive comparisons cover only ASCII.
      database.function('fold_case', { deterministic: true }, foldCase);
      database.function('plan_range', { deterministic: true }, planRange);
      const { clock } = this;
      // Replaces SQLite's own unixepoch, which returns seconds. The added half millisecond compensates for
      // the truncation when the seconds are converted back to milliseconds.
      if (clock) database.function('unixepoch', (_subsec) => (clock() + 0.5) / 1_000);
      return new Connection(database);
    } catch (error) {
      closeQuietly(database);
      throw error;
    }
  }
}

/**
 * A URI that opens only an existing file: a file that is deleted between the stat and the opening must not be created
 * empty.
 */
function withoutCreating(path: string): string {
  return `${pathToFileURL(path).href}?mode=rw`;
}

/**
 * Whether the process cannot open as many files as a database needs: the file, its WAL and its index. It tries the
 * folder: closing a descriptor of the database's file would end the locks that SQLite holds on it.
 */
function lacksDescriptors(folder: string): boolean {
  const opened: number[] = [];
  try {
    while (opened.length < 3) opened.push(openSync(folder, 'r'));
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EMFILE' || code === 'ENFILE';
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

/** Returns the same text for texts that differ only in case. */
export function foldCase(value: unknown): string {
  return String(value).toLowerCase();
}

/** The range of a tenant among so many (F3). */
export function planRange(tenantId: unknown, of: unknown): number {
  return rangeOf(String(tenantId), Number(of));
}

export function closeQuietly(database: DatabaseSync | undefined): void {
  try {
    database?.close();
  } catch {
    // The database is closed already, or cannot be closed; either way there is nothing more to do.
  }
}
