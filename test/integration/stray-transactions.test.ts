/** A handler that does not wait for its own transaction, in a process of its own: Node ends one for a stray rejection. */
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;
beforeEach(async () => {
  folder = cliFolder();
  await folder.json(['tenants', 'add', 'acme']);
});
afterEach(() => folder.remove());

test.each([
  ['fails', "void transaction(async () => { throw new Error('boom'); });"],
  [
    'is rolled back with its handler',
    "void transaction(() => new Promise((resolve) => setTimeout(resolve, 50))); throw new Error('other');",
  ],
  [
    'is refused, being the second',
    "const first = transaction(async () => { throw new Error('boom'); }); void transaction(async () => {}); return first;",
  ],
])(
  'T1: a transaction that nobody waits for and that %s is a retry, and the end of nothing else',
  async (_, body) => {
    const { code, stdout, stderr } = await folder.script(`
    const handler = library.defineHandler({
      topic: 'orders',
      async handle(_, { transaction }) { ${body} },
    });
    const multiOutbox = library.createMultiOutbox({ handlers: [handler] });
    await multiOutbox.outbox('acme').enqueue({ topic: 'orders', payload: 'x' });
    const { counts } = await multiOutbox.dispatch({ tenantId: 'acme' });
    await new Promise((resolve) => setImmediate(resolve));
    console.log(JSON.stringify(counts));
    await multiOutbox.close();
  `);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ retried: 1, done: 0 });
  },
);
