/** The contracts of the function app: its HTTP interface as OpenAPI 3.1, and the messages of its queues as JSON Schema. */
import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import { requestSchema, wakeSchema } from '../../src/fleet/dispatch/request-format.ts';
import { pageSchema } from '../../src/fleet/dispatch/request-pages.ts';
import { poisonedRequestSchema } from '../../src/fleet/operations/poison.ts';
import { messageSchema } from '../../src/outbox/message-format.ts';
import * as answers from './answers.ts';
import { cliSchema } from './cli-json/schema.ts';

function jsonSchema(schema: GenericSchema): JsonSchema {
  const { $schema, ...rest } = toJsonSchema(schema, { target: 'draft-2020-12', typeMode: 'output' });
  return rest;
}

const described = (description: string, schema: GenericSchema) => ({ description, ...jsonSchema(schema) });

/** The messages of the queues, as JSON text in UTF-8, plain or as base64. */
export const queueMessages = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: "Messages of multi-outbox's queues",
  description: 'The text of a queue message is one of these as JSON, plain or as base64, of at most 64 KiB.',
  $defs: {
    wake: {
      description: 'multi-outbox-wake: makes the tenant due now. The tenant id alone is a wake, too.',
      anyOf: [jsonSchema(wakeSchema), (jsonSchema(wakeSchema).properties as { tenantId: object }).tenantId],
    },
    dispatchRequest: {
      description:
        'multi-outbox-dispatch: one dispatch run of the tenant. Plans send the whole request; {"tenantId":"…"} is enough for others.',
      anyOf: [jsonSchema(requestSchema), jsonSchema(wakeSchema)],
    },
    requestPage: described(
      'multi-outbox-pages: the requests of a large plan; each row is tenant id, reason, idle streak, failure streak, time of the last run.',
      pageSchema,
    ),
    poisonedRequest: described(
      'multi-outbox-dispatch-poison: a message that could not be read, with the reason. The host moves other messages to the poison queues unchanged.',
      poisonedRequestSchema,
    ),
  },
};

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: object) => ({ 'application/json': { schema } });
const answer = (description: string, name: string) => ({ description, content: json(ref(name)) });
const problems: Readonly<Record<string, string>> = {
  400: 'The request is not valid.',
  401: 'The signature was refused.',
  404: 'There is no such tenant or source.',
  409: 'The tenant is paused or retired.',
  413: 'The body is longer than MULTI_OUTBOX_MAX_BODY_BYTES.',
  415: 'The content type is not application/json or application/…+json.',
  500: 'The log of the invocation has the reason.',
  503: 'Try again, after the seconds of retry-after if there are any.',
};
const refusals = (...codes: number[]) =>
  Object.fromEntries(
    codes.map((code) => [
      code,
      { description: problems[code]!, content: { 'application/problem+json': { schema: ref('Problem') } } },
    ]),
  );
const parameter = (name: string, description: string) => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string' },
});
const optional = (name: string, description: string) => ({
  name,
  in: 'query',
  required: false,
  description,
  schema: { type: 'string' },
});
const tenantId = parameter('tenantId', "The tenant's id");
const messages = [ref('Message'), { type: 'array', items: ref('Message'), minItems: 1, maxItems: 1_000 }];

/** The document that the app serves as openapi.json. */
export const openapi = {
  openapi: '3.1.0',
  info: {
    title: 'multi-outbox',
    version: '1',
    description:
      'The HTTP functions of a multi-outbox function app. Bodies are JSON in UTF-8, with or without a content-length.',
  },
  servers: [
    {
      url: 'https://{app}.azurewebsites.net/api',
      variables: { app: { default: 'app', description: "The function app's name" } },
    },
  ],
  security: [{ functionKey: [] }, { functionKeyInUrl: [] }],
  paths: {
    '/enqueue/{tenantId}': {
      post: {
        operationId: 'enqueue',
        summary: "Store messages in a tenant's outbox, all or none, and wake the tenant",
        parameters: [tenantId],
        requestBody: { required: true, content: json({ oneOf: messages }) },
        responses: {
          202: {
            description: 'Stored. The answer has the form of the body: one result, or a list in its order.',
            content: json({ oneOf: [ref('Enqueued'), { type: 'array', items: ref('Enqueued') }] }),
          },
          ...refusals(400, 404, 409, 413, 415, 500, 503),
        },
      },
    },
    '/wake/{tenantId}': {
      post: {
        operationId: 'wake',
        summary: 'Make a tenant due now',
        parameters: [tenantId],
        responses: {
          202: answer('The tenant is due.', 'Woken'),
          ...refusals(404, 409, 500, 503),
        },
      },
    },
    '/receive/{tenantId}/{source}': {
      post: {
        operationId: 'receive',
        summary:
          "Store a signed webhook in a tenant's inbox; the source checks the signature and reads the body",
        security: [],
        parameters: [tenantId, parameter('source', 'The name of the source')],
        requestBody: { required: true, content: { '*/*': {} } },
        responses: {
          200: answer('Stored before (duplicate, or a conflict that is kept).', 'Received'),
          202: answer('Stored.', 'Received'),
          ...refusals(400, 401, 404, 409, 413, 500, 503),
        },
      },
    },
    '/plan': {
      post: {
        operationId: 'plan',
        summary: 'Make a plan now, and send its dispatch requests',
        responses: { 200: answer('The plan.', 'Planned'), ...refusals(500, 503) },
      },
    },
    '/health/live': {
      get: {
        operationId: 'live',
        summary: 'Whether the process answers',
        security: [],
        responses: { 200: answer('It does.', 'Live') },
      },
    },
    '/health/ready': {
      get: {
        operationId: 'ready',
        summary: 'Whether this instance can plan and dispatch',
        responses: {
          200: answer('It can.', 'Ready'),
          503: answer('It cannot; the checks say why.', 'Ready'),
        },
      },
    },
    '/health/fleet': {
      get: {
        operationId: 'fleet',
        summary: 'The fleet and its most troubled tenants, by the last reports',
        parameters: [
          optional(
            'fail-on',
            'Answer 503 if the fleet has one of these troubles: dead, failing, stale, separated by commas',
          ),
          optional(
            'stale-after',
            'How old the last plan, or the oldest due time, may be: a duration. Default: 5m',
          ),
        ],
        responses: {
          200: answer('The fleet.', 'Fleet'),
          ...refusals(400, 500),
          503: {
            description: `The fleet has a trouble that fail-on names; or a problem: ${problems[503]}`,
            content: {
              ...json(ref('Fleet')),
              'application/problem+json': { schema: ref('Problem') },
            },
          },
        },
      },
    },
    '/openapi.json': {
      get: {
        operationId: 'openapi',
        summary: 'This document',
        responses: { 200: { description: 'OpenAPI 3.1.', content: json({ type: 'object' }) } },
      },
    },
  },
  components: {
    securitySchemes: {
      functionKey: { type: 'apiKey', in: 'header', name: 'x-functions-key' },
      functionKeyInUrl: { type: 'apiKey', in: 'query', name: 'code' },
    },
    schemas: {
      Message: described(
        'A message. Text as payload is stored as that text, anything else as JSON, as it was sent.',
        messageSchema,
      ),
      Enqueued: jsonSchema(answers.enqueued),
      Received: jsonSchema(answers.received),
      Woken: jsonSchema(answers.woken),
      Planned: jsonSchema(answers.planned),
      Live: jsonSchema(answers.live),
      Ready: described('Each check shows a code only; the log has the details.', answers.ready),
      Fleet: jsonSchema(answers.fleet),
      Problem: described('Problem details (RFC 9457).', answers.problem),
    },
  },
};

/** Files below docs/ and their text. */
export const contractFiles: Readonly<Record<string, string>> = {
  'cli-json.schema.json': `${JSON.stringify(cliSchema, null, 2)}\n`,
  'openapi.json': `${JSON.stringify(openapi, null, 2)}\n`,
  'queue-messages.schema.json': `${JSON.stringify(queueMessages, null, 2)}\n`,
};
