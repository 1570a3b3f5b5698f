/** HTTP trigger: the app's HTTP interface as OpenAPI 3.1. */
import { app } from '@azure/functions';

export function registerOpenapi(): void {
  app.http('openapi', {
    methods: ['GET'],
    authLevel: 'function',
    route: 'openapi.json',
    handler: async () => {
      const { default: document } = await import('../docs/openapi.json', { with: { type: 'json' } });
      return { status: 200, jsonBody: document };
    },
  });
}
