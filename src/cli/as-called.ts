/**
 * The text with its commands as the reader can paste them. npx finds a program that is not on the path, and tells it so by
 * `npm_command`. A command stands in quotes or parentheses; the product's name does not.
 */
export function asCalled(text: string, env: NodeJS.ProcessEnv = process.env): string {
  if (env.npm_command !== 'exec') return text;
  return text.replace(/(?<=['(])multi-outbox (?=[a-z])/g, 'npx multi-outbox ');
}
