/** An unawaited transaction, in a separate process: Node ends a process at an unhandled rejection. */
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
  'T1: a transaction that the handler does not await and that %s causes a retry, and ends no other work',
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
    // Only the retry is told.
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^multi-outbox warn: An attempt failed;.*\n$/)]);
    expect(JSON.parse(stdout)).toMatchObject({ retried: 1, done: 0 });
  },
);
