/** D8: the port of a named instance. */
import { instancePort } from '../../../src/engine/sqlserver/instance-port.ts';
import { entry, startBrowser } from '../../support/browser-server.ts';

const never = new AbortController().signal;

test('the port comes from SQL Server Browser, whichever address answers', async () => {
  await using browser = await startBrowser('127.0.0.1', 0, { sales: 49_172 });
  expect(await instancePort(['127.0.0.2', '127.0.0.1'], 'sales', never, browser.port)).toBe(49_172);
  expect(browser.asked).toEqual(['sales']);
});

test.each([
  ['of another instance', entry('other', 1500)],
  ['without a port', entry('sales', '')],
  ['with a port that none is', entry('sales', '70000')],
  ['with a name in place of the port', entry('sales', 'tcp')],
  ['of another type', Buffer.from([4, 0, 0])],
  ['empty', Buffer.alloc(0)],
  ['cut', entry('sales', 1500).subarray(0, 30)],
])('an answer %s is refused', async (_, answer) => {
  await using browser = await startBrowser('127.0.0.1', 0, { sales: answer });
  await expect(instancePort(['127.0.0.1'], 'sales', never, browser.port)).rejects.toMatchObject({
    code: 'EINSTLOOKUP',
    message: expect.stringContaining('give the instance’s port as name,port'.replace('’', "'")),
  });
});

test('a question that gets no answer is repeated, and given up', async () => {
  await using browser = await startBrowser('127.0.0.1', 0, {});
  await expect(instancePort(['127.0.0.1'], 'sales', never, browser.port)).rejects.toThrow(
    'did not answer on UDP port',
  );
  expect(browser.asked).toEqual(['sales', 'sales', 'sales']);
});

test('D8: it ends when its login ends', async () => {
  await using browser = await startBrowser('127.0.0.1', 0, {});
  const login = new AbortController();
  const found = instancePort(['127.0.0.1'], 'sales', login.signal, browser.port);
  login.abort(new Error('the login took too long'));
  await expect(found).rejects.toThrow('the login took too long');
});
