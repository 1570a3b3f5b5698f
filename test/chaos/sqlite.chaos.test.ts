import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describeKills } from './describe-kills.ts';

describeKills({
  name: 'SQLite',
  async create() {
    const folder = await mkdtemp(join(tmpdir(), 'multi-outbox-chaos-'));
    const file = (tenantId: string) => join(folder, `${tenantId}.db`);
    return {
      registry: `sqlite:${join(folder, 'registry.db')}`,
      environment: {},
      patientLease: '2s',
      tenant: (id) => ({ id, database: file(id) }),
      transactions: {
        module: resolve('test/chaos/fixtures/sqlite-transactions.mjs'),
        options: (tenantId) => ({ file: file(tenantId) }),
      },
      async query(tenantId, sql) {
        const connection = new DatabaseSync(file(tenantId), { timeout: 5_000 });
        try {
          return connection.prepare(sql).all();
        } finally {
          connection.close();
        }
      },
      dispose: () => rm(folder, { recursive: true, force: true }),
    };
  },
});
