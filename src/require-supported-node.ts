/**
 * The entry points of the library import this module first. On an unsupported Node the import then fails with a clear
 * error, and not with the first missing feature.
 */
import { MultiOutboxError } from './errors.ts';
import { unsupportedNode } from './supported-node.ts';

const problem = unsupportedNode();
if (problem !== undefined) throw new MultiOutboxError('UNSUPPORTED_NODE', problem);
