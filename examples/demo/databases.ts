/** Where the demo's customers have their databases: files of its folder, or databases of its own on a SQL Server. */
import type { TenantInput } from 'multi-outbox';
import { type DemoFolder, damage } from './folder.ts';

export interface DemoDatabases {
  /** For people to read. */
  readonly where: string;
  /** What the definition of a customer's tenant says of its database. */
  tenant(customer: string): Pick<TenantInput, 'server' | 'database' | 'auth'>;
  /** Removes what an earlier demo has left, and makes what `migrate` does not. */
  prepare(customers: readonly string[]): Promise<void>;
  /** Ruins a customer's database, which nobody has open. */
  ruin(customer: string): Promise<void>;
}

/** Files of the folder, which is emptied at every start. */
export function fileDatabases(folder: DemoFolder): DemoDatabases {
  return {
    where: `below ${folder.shown}`,
    tenant: (customer) => ({ database: folder.database(customer) }),
    async prepare() {},
    ruin: (customer) => damage(folder.database(customer)),
  };
}
