/** `multi-outbox/console`: the console in the browser, for a host of your own. */
import '../require-supported-node.ts';

export { type ConsoleOptions, consoleHandler } from './handler.ts';
export { nodeHandler } from './node-handler.ts';
export { type Asked, type Authorize, type Operator, type Right, rights } from './rights.ts';
