/** Where the databases of the demo's customers are: files in its folder, or databases on a SQL Server. */
import type { TenantInput } from 'multi-outbox';
import { type DemoFolder, damage } from './folder.ts';

export interface DemoDatabases {
  /** For people to read. */
  readonly where: string;
  /** The part of a customer's tenant definition that names its database. */
  tenant(customer: string): Pick<TenantInput, 'server' | 'database' | 'auth'>;
  /** Removes the databases of an earlier demo, and creates those that `migrate` cannot create. */
  prepare(customers: readonly string[]): Promise<void>;
  /** Ruins a customer's database, which no connection may have open. */
  ruin(customer: string): Promise<void>;
}

/** Databases as files in the folder, which every start empties. */
export function fileDatabases(folder: DemoFolder): DemoDatabases {
  return {
    where: `below ${folder.shown}`,
    tenant: (customer) => ({ database: folder.database(customer) }),
    async prepare() {},
    ruin: (customer) => damage(folder.database(customer)),
  };
}
