import type { TenantDefinition } from '../../engine/registry.ts';
import { errorText, MultiOutboxError, propertyOf } from '../../errors.ts';
import { EventLoopYielder } from '../../event-loop-yielder.ts';
import { guardedSignal } from '../../guarded-signal.ts';
import { type TenantInput, tenantDefinition } from './definition.ts';
import { readAll } from './read-all.ts';
import { tenantIdPattern } from './tenant-id.ts';

/** A tenant in a directory's list. */
export interface DirectoryTenant extends TenantInput {
  /** Without it a new tenant is active, and a known tenant keeps the status that operators have set. */
  readonly status?: 'active' | 'paused';
}

/**
 * A user's own list of tenants, such as a file or a table of customers. It is read as a whole, on an interval, and
 * the registry is synchronised with it: new tenants are added, different ones changed, missing ones retired (F2).
 */
export interface Directory {
  /**
   * 1 to 64 characters. The directory's tenants have it as their tag 'directory'. Registered tenants without this tag
   * are not changed, unless the directory lists them.
   */
  readonly name: string;
  /**
   * Lists all tenants, at most 1,000,000. A list that is longer, or not read within 60 seconds, is refused: it may never
   * end.
   * @param signal fires when reading takes too long, and when the multi-outbox is closed
   */
  read(signal: AbortSignal): ListedTenants | Promise<ListedTenants>;
}

/** All tenants of a directory, in any order. */
export type ListedTenants = Iterable<DirectoryTenant> | AsyncIterable<DirectoryTenant>;

/** The checked result of reading a directory. */
export interface Listing {
  readonly tenants: ReadonlyMap<string, ListedTenant>;
  /** Invalid entries, whose tenants stay registered unchanged. An entry without an id may belong to any tenant. */
  readonly refused: readonly { readonly id: string | undefined; readonly problem: string }[];
}

export interface ListedTenant {
  readonly definition: TenantDefinition;
  readonly status: DirectoryTenant['status'];
}

/** The tag that names a tenant's directory. */
export const directoryTag = 'directory';

const readTimeoutMs = 60_000;

/** Reads the directory once. @throws the directory's error, or the signal's reason */
export async function readDirectory(
  directory: Directory,
  embedded: boolean,
  stop: AbortSignal,
): Promise<Listing> {
  // A listener that throws may belong to a read that is over, so nothing is left to fail.
  const signal = guardedSignal(AbortSignal.any([stop, AbortSignal.timeout(readTimeoutMs)]), () => {});
  const tenants = new Map<string, ListedTenant>();
  const refused: { id: string | undefined; problem: string }[] = [];
  const yielder = new EventLoopYielder();
  for (const entry of await readAll(directory, signal)) {
    await yielder.yieldIfDue();
    try {
      const { definition, status } = checked(entry, directory.name, embedded);
      if (tenants.has(definition.id))
        throw new Error(`Tenant '${definition.id}' is listed twice; list it once.`);
      tenants.set(definition.id, { definition, status });
    } catch (error) {
      const id = propertyOf(entry, 'id');
      const isId = typeof id === 'string' && tenantIdPattern.test(id);
      refused.push({ id: isId ? id : undefined, problem: errorText(error) });
    }
  }
  return { tenants, refused };
}

/**
 * Checks a directory and reads its name once: the object is foreign code, and a name that changes or throws later would
 * fail more than one read of the list.
 * @throws INVALID_CONFIGURATION when it is not a directory
 */
export function checkedDirectory(directory: Directory): Directory {
  const name = propertyOf(directory, 'name');
  const isDirectory = typeof propertyOf(directory, 'read') === 'function';
  if (isDirectory && typeof name === 'string' && /^[^\p{Cc}]{1,64}$/u.test(name)) {
    return { name, read: (signal) => directory.read(signal) };
  }
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    "'tenants' must be a list of tenants, or a directory: { name, read }, with a name of 1 to 64 characters.",
  );
}

function checked(entry: DirectoryTenant, directory: string, embedded: boolean): ListedTenant {
  const { status, ...input } = entry;
  if (status !== undefined && status !== 'active' && status !== 'paused') {
    throw new Error(`Tenant '${input.id}' cannot be registered: status must be 'active' or 'paused'.`);
  }
  const { tags, ...definition } = tenantDefinition(input, { embedded });
  return { definition: { ...definition, tags: { ...tags, [directoryTag]: directory } }, status };
}
