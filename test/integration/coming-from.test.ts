/** docs/coming-from.md: jobs that the real pg-boss has stored are moved. PostgreSQL runs in the process, by PGlite. */
import { blockOf } from '../support/documents.ts';
import { InstalledProject } from '../support/installed-project.ts';

// npm installs the packages.
jest.setTimeout(300_000);

let project: InstalledProject;
beforeAll(async () => {
  project = new InstalledProject();
  project.write(
    'package.json',
    JSON.stringify({
      name: 'project',
      private: true,
      type: 'module',
      dependencies: { '@electric-sql/pglite': '0.5.17', 'pg-boss': '12.38.0' },
    }),
  );
  expect(await project.install('npm')).toMatchObject({ code: 0 });
});
afterAll(() => project.remove());

test('pg-boss: open jobs are moved once, also after a crash between the two databases, and go back by resume', async () => {
  project.write('from-pg-boss.js', blockOf('docs/coming-from.md', 'js', 'from-pg-boss').code);
  project.write(
    'main.js',
    `import { PGlite } from '@electric-sql/pglite';
    import { createTestOutbox } from 'multi-outbox/testing';
    import { PgBoss } from 'pg-boss';
    import { moveFromPgBoss } from './from-pg-boss.js';
    const postgres = await PGlite.create();
    const executeSql = async (text, values = []) =>
      values.length > 0 ? postgres.query(text, values) : (await postgres.exec(text)).at(-1) ?? { rows: [] };
    const boss = new PgBoss({ db: { executeSql }, supervise: false, schedule: false });
    boss.on('error', (error) => console.error(error));
    await boss.start();
    await boss.createQueue('order.placed');
    await boss.createQueue('other');
    const ids = [await boss.send('order.placed', { order: 1 }), await boss.send('order.placed', { order: 2 }, { startAfter: 3600 })];
    await boss.send('other', {});
    const shop = await createTestOutbox({ tenants: ['shop'], handlers: [] });
    const outbox = shop.outbox('shop');
    // The process dies after the enqueue: PostgreSQL rolls back, and the messages are stored here.
    const dying = { query: (text, values) => /^UPDATE/.test(text) ? Promise.reject(new Error('died')) : postgres.query(text, values) };
    const died = await moveFromPgBoss(dying, outbox, 'order.placed').catch(({ message }) => message);
    const moved = [await moveFromPgBoss(postgres, outbox, 'order.placed'), await moveFromPgBoss(postgres, outbox, 'order.placed')];
    const stored = shop.enqueued().map(({ topic, data, headers }) => ({ topic, data, from: headers['moved-from'] }));
    await boss.resume('order.placed', ids);
    const again = await moveFromPgBoss(postgres, outbox, 'order.placed', { round: '2' });
    console.log('seen ' + JSON.stringify({ died, moved, stored, again, all: shop.enqueued().length, ids }));
    await boss.stop({ graceful: false });
    await shop.close();
    await postgres.close();`,
  );
  const { code, output } = await project.node('main.js');
  expect([code, output]).toEqual([0, expect.stringMatching(/^seen /m)]);
  const { ids, ...seen } = JSON.parse(output.match(/^seen (.*)$/m)![1]!);
  expect(seen).toEqual({
    died: 'died',
    moved: [2, 0],
    stored: [
      { topic: 'order.placed', data: { order: 1 }, from: `pgboss.job/${ids[0]}` },
      { topic: 'order.placed', data: { order: 2 }, from: `pgboss.job/${ids[1]}` },
    ],
    again: 2,
    all: 4,
  });
});
