/** HTTP trigger: the app's HTTP interface as OpenAPI 3.1. */
import { app } from '@azure/functions';
import document from '../docs/openapi.json' with { type: 'json' };

export function registerOpenapi(): void {
  app.http('openapi', {
    methods: ['GET'],
    authLevel: 'function',
    route: 'openapi.json',
    handler: async () => ({ status: 200, jsonBody: document }),
  });
}
