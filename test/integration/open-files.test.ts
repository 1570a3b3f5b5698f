import { type CliFolder, cliFolder } from '../support/cli-process.ts';
import { testWithShell } from '../support/platform.ts';

let folder: CliFolder;
beforeEach(() => {
  folder = cliFolder();
});
afterEach(() => folder.remove());

describe.each([
  [100, 40],
  [256, 200],
])('F8: with %i file descriptors', (openFiles, tenants) => {
  testWithShell(
    `${tenants} SQLite tenants are filled at once and dispatched without a refusal`,
    async () => {
      const { stdout, stderr, code } = await folder.script(
        `
      const ids = Array.from({ length: ${tenants} }, (_, n) => 't' + n);
      const handler = library.defineHandler({ topic: 't', handle() {} });
      const multiOutbox = library.createMultiOutbox({
        tenants: ids.map((id) => ({ id, database: id + '.db' })),
        handlers: [handler],
        sqlite: { synchronous: 'normal' },
      });
      for (const { error } of await multiOutbox.migrate()) if (error) throw new Error(error.message);
      await Promise.all(ids.map((id) => multiOutbox.outbox(id).enqueue({ topic: 't', payload: 1 })));
      const { runs } = await multiOutbox.tick();
      const outcomes = Object.groupBy(runs, ({ outcome, error }) => error?.code ?? outcome);
      console.log(JSON.stringify(Object.entries(outcomes).map(([key, all]) => [key, all.length])));
      await multiOutbox.close();
      `,
        { openFiles },
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(JSON.parse(stdout)).toEqual([['dispatched', tenants]]);
    },
    180_000,
  );
});
