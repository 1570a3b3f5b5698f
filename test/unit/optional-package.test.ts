import { isMultiOutboxError } from '../../src/errors.ts';
import { optional } from '../../src/optional-package.ts';

const failing = (message: string, code?: string) => () =>
  Promise.reject(Object.assign(new Error(message), code === undefined ? {} : { code }));
const thrownBy = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test.each([
  [`Cannot find package 'mssql' imported from /app/index.js`, 'ERR_MODULE_NOT_FOUND'],
  [`Cannot find module 'mssql'\nRequire stack:\n- /app/index.js`, 'MODULE_NOT_FOUND'],
  [
    `multi-outbox tried to access mssql (a peer dependency) but it isn't provided by your application`,
    'MODULE_NOT_FOUND',
  ],
  [`Cannot find module 'mssql/lib/base' from 'app/index.js'`, 'MODULE_NOT_FOUND'],
])('a package that is missing is named, with what else is needed: %s', async (message, code) => {
  const error = await thrownBy(optional(['@azure/identity', 'mssql'], failing(message, code)));
  expect(isMultiOutboxError(error, 'PACKAGE_MISSING')).toBe(true);
  expect(error).toMatchObject({
    message: expect.stringMatching(
      /'mssql'.* is not installed; install it: npm install @azure\/identity mssql$/,
    ),
  });
});

test.each([
  ['one that is there, and misses one of its own', `Cannot find module 'tedious'`, 'MODULE_NOT_FOUND'],
  ['one whose name begins alike', `Cannot find module 'mssql-other'`, 'MODULE_NOT_FOUND'],
  ['one that fails as it is loaded', `Cannot find module 'mssql'`, undefined],
])('the error of %s is left as it is', async (_, message, code) => {
  const load = failing(message, code);
  expect(await thrownBy(optional('mssql', load))).toEqual(await thrownBy(load()));
});
