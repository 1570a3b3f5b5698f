/**
 * Calls HTTP functions as the host does. The host forwards requests to an app that streams HTTP. To any other app it passes
 * the whole request, and a body only if the request has a Content-Length. A body above the host's own limit fails the
 * invocation, whatever the app answers.
 */
import { randomUUID } from 'node:crypto';
import { createServer, request as requestTo } from 'node:http';
import { pipeline } from 'node:stream/promises';

const bodyLimit = Number(process.env.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT ?? 104_857_600);

/** The request's body, up to the host's limit. */
async function* bodyOf(request) {
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > bodyLimit) throw new Error('Request body too large.');
    yield part;
  }
}

/**
 * @param functions as `listFunctions` gives them
 * @param {{HttpUri?: string}} capabilities those that the app has announced
 * @returns the port
 */
export async function serve(functions, capabilities, invoke) {
  const routes = functions.flatMap(({ name, bindings }) =>
    bindings
      .filter(({ type }) => type === 'httpTrigger')
      .map(({ methods, route, authLevel }) => ({ name, methods, pattern: patternOf(route), authLevel })),
  );
  const call = capabilities.HttpUri === undefined ? passWhole : forwardTo(capabilities.HttpUri);
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://127.0.0.1');
    const found = routes.find(
      ({ methods, pattern }) => methods.includes(request.method) && pattern.test(url.pathname),
    );
    if (found === undefined) {
      response.writeHead(404).end();
      return;
    }
    if (found.authLevel === 'function' && !hasKey(request, url)) {
      response.writeHead(401).end();
      return;
    }
    const params = Object.fromEntries(
      Object.entries(found.pattern.exec(url.pathname).groups ?? {}).map(([name, value]) => [
        name,
        decodeURIComponent(value ?? ''),
      ]),
    );
    try {
      await call({ name: found.name, url, params, request, response, invoke });
    } catch {
      // The host answers a failed invocation so.
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

async function passWhole({ name, url, params, request, response, invoke }) {
  const parts = [];
  for await (const part of bodyOf(request)) parts.push(part);
  const { error, returnValue } = await invoke(name, {
    http: {
      method: request.method,
      url: url.href,
      ...(Number(request.headers['content-length']) > 0 && { body: { bytes: Buffer.concat(parts) } }),
      nullableHeaders: nullable(request.headers),
      nullableParams: nullable(params),
      nullableQuery: nullable(Object.fromEntries(url.searchParams)),
    },
  });
  if (error !== undefined) throw error;
  const { statusCode, headers, nullableHeaders, body } = returnValue.http;
  const answered = Object.fromEntries(
    Object.entries(nullableHeaders ?? {}).map(([key, { value }]) => [key, value]),
  );
  response.writeHead(Number(statusCode ?? 200), { ...headers, ...answered });
  response.end(
    body === undefined || body === null ? undefined : Buffer.from(body.bytes ?? body.string ?? ''),
  );
}

/**
 * The app's own server gets the request and answers it, while the invocation runs. An answer that comes before the whole
 * request was forwarded is a failure, as in the host.
 */
function forwardTo(httpUri) {
  return async ({ name, url, params, request, response, invoke }) => {
    const invocationId = randomUUID();
    const target = new URL(`${url.pathname}${url.search}`, httpUri);
    const forwarded = requestTo(target, {
      method: request.method,
      headers: {
        ...request.headers,
        'x-ms-invocation-id': invocationId,
        'x-forwarded-host': request.headers.host,
        'x-forwarded-proto': 'http',
      },
    });
    const answered = new Promise((resolve, reject) => {
      forwarded.on('response', resolve).on('error', reject);
    });
    const uploaded = pipeline(bodyOf(request), forwarded);
    const refused = new Promise((_, reject) => uploaded.catch(reject));
    refused.catch(() => {});
    const metadata = {
      Headers: { json: JSON.stringify(request.headers) },
      Query: { json: JSON.stringify(Object.fromEntries(url.searchParams)) },
      ...Object.fromEntries(Object.entries(params).map(([key, value]) => [key, { string: value }])),
    };
    const invoked = invoke(name, { http: {} }, metadata, invocationId).then(({ error }) => {
      if (error !== undefined) throw error;
    });
    const [answer] = await Promise.race([Promise.all([answered, invoked]), refused]);
    if (!forwarded.writableFinished) {
      forwarded.destroy();
      throw new Error('The app answered before it had read the request.');
    }
    await uploaded;
    response.writeHead(answer.statusCode, answer.headers);
    await pipeline(answer, response);
  };
}

/** Most tests need no key; those that set one are refused without it. */
function hasKey(request, url) {
  const key = process.env.TEST_FUNCTION_KEY;
  return (
    key === undefined || [request.headers['x-functions-key'], url.searchParams.get('code')].includes(key)
  );
}

/** `{*name}` at the end takes the rest of the path, which may be nothing. */
function patternOf(route) {
  const parts = route.replace(/\/\{\*(\w+)\}$/, '(?:/(?<$1>.*))?').replace(/\{(\w+)\}/g, '(?<$1>[^/]+)');
  return new RegExp(`^/api/${parts}$`);
}

function nullable(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
}
