/**
 * Imported first by what is loaded as a module: on a Node that lacks what the rest relies on, loading it fails with a
 * sentence, not with whatever happens to be missing.
 */
import { MultiOutboxError } from './errors.ts';
import { unsupportedNode } from './supported-node.ts';

const problem = unsupportedNode();
if (problem !== undefined) throw new MultiOutboxError('UNSUPPORTED_NODE', problem);
