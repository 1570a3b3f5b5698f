/** The entry file that the Functions host loads: this repository's app. */
import { createHandlers } from '../src/handlers/index.ts';
import { createSources } from '../src/sources/index.ts';
import { registerFunctions } from './index.ts';

registerFunctions({ handlers: createHandlers, sources: createSources });
