import type { TenantDefinition } from '../../engine/registry.ts';
import { errorText, MultiOutboxError } from '../../errors.ts';
import { unlessAborted } from '../../unless-aborted.ts';
import { type TenantInput, tenantDefinition, tenantIdPattern } from './definition.ts';
import { EventLoopYielder } from './event-loop-yielder.ts';

/** A tenant as a directory lists it. */
export interface DirectoryTenant extends TenantInput {
  /** When absent a new tenant is active, and one that is known stays as operators have set it. */
  readonly status?: 'active' | 'paused';
}

/**
 * Where tenants are listed other than in the registry: a file, a table of customers. It is read whole, on an interval,
 * and the registry is brought in line with it: what is new is added, what differs is changed, what is gone is retired (F2).
 */
export interface Directory {
  /**
   * 1 to 64 characters. Its tenants carry it as their tag 'directory'; tenants of the registry that do not are left
   * alone, unless the directory lists them.
   */
  readonly name: string;
  /** Lists all tenants. @param signal fires when it takes too long, and when the multi-outbox is closed */
  read(signal: AbortSignal): ListedTenants | Promise<ListedTenants>;
}

/** All tenants of a directory, in any order. */
export type ListedTenants = Iterable<DirectoryTenant> | AsyncIterable<DirectoryTenant>;

/** What was read, checked. */
export interface Listing {
  readonly tenants: ReadonlyMap<string, ListedTenant>;
  /** Entries that cannot be taken: what is known of their tenants stays. Without an id it may be any tenant's. */
  readonly refused: readonly { readonly id: string | undefined; readonly problem: string }[];
}

export interface ListedTenant {
  readonly definition: TenantDefinition;
  readonly status: DirectoryTenant['status'];
}

/** The tag that names the directory a tenant comes from. */
export const directoryTag = 'directory';

const readTimeoutMs = 60_000;

/** Reads the directory once. @throws what the directory throws, or the reason of the signal */
export async function readDirectory(
  directory: Directory,
  embedded: boolean,
  stop: AbortSignal,
): Promise<Listing> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(readTimeoutMs)]);
  const tenants = new Map<string, ListedTenant>();
  const refused: { id: string | undefined; problem: string }[] = [];
  const yielder = new EventLoopYielder();
  for (const entry of await unlessAborted(() => all(directory, signal), signal)) {
    await yielder.yieldIfDue();
    try {
      const { definition, status } = checked(entry, directory.name, embedded);
      if (tenants.has(definition.id)) throw new Error(`Tenant '${definition.id}' is listed twice.`);
      tenants.set(definition.id, { definition, status });
    } catch (error) {
      const id: unknown = (entry as Partial<DirectoryTenant> | null)?.id;
      const isId = typeof id === 'string' && tenantIdPattern.test(id);
      refused.push({ id: isId ? id : undefined, problem: errorText(error) });
    }
  }
  return { tenants, refused };
}

/** @throws INVALID_CONFIGURATION when it is no directory */
export function assertDirectory(directory: Directory): void {
  const { name, read } = (directory ?? {}) as Partial<Directory>;
  if (typeof read === 'function' && typeof name === 'string' && /^[^\p{Cc}]{1,64}$/u.test(name)) return;
  throw new MultiOutboxError(
    'INVALID_CONFIGURATION',
    "'tenants' must be a list of tenants, or a directory: { name, read }, with a name of 1 to 64 characters.",
  );
}

async function all(directory: Directory, signal: AbortSignal): Promise<DirectoryTenant[]> {
  const entries: DirectoryTenant[] = [];
  for await (const entry of await directory.read(signal)) entries.push(entry);
  return entries;
}

function checked(entry: DirectoryTenant, directory: string, embedded: boolean): ListedTenant {
  const { status, ...input } = entry;
  if (status !== undefined && status !== 'active' && status !== 'paused') {
    throw new Error(`Tenant '${input.id}' cannot be taken: status must be 'active' or 'paused'.`);
  }
  const { tags, ...definition } = tenantDefinition(input, { embedded });
  return { definition: { ...definition, tags: { ...tags, [directoryTag]: directory } }, status };
}
