import { asCalled } from '../../../src/cli/as-called.ts';

const told =
  "Register it (multi-outbox tenants add acme); 'multi-outbox status' names the others. This multi-outbox was closed.";

test('a command can be pasted where npx started the program, and the product keeps its name', () => {
  expect(asCalled(told, { npm_command: 'exec' })).toBe(
    "Register it (npx multi-outbox tenants add acme); 'npx multi-outbox status' names the others. This multi-outbox was closed.",
  );
});

test.each([{}, { npm_command: 'run-script' }])('elsewhere the text stays as it is: %p', (env) => {
  expect(asCalled(told, env)).toBe(told);
});
