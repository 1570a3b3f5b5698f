/** Calls HTTP functions as the host does: routes below /api, and the whole request passed to the worker. */
import { createServer } from 'node:http';

/** @param functions as `listFunctions` gives them @returns the port */
export async function serve(functions, invoke) {
  const routes = functions.flatMap(({ name, bindings }) =>
    bindings
      .filter(({ type }) => type === 'httpTrigger')
      .map(({ methods, route }) => ({ name, methods, pattern: patternOf(route) })),
  );
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://127.0.0.1');
    const found = routes.find(
      ({ methods, pattern }) => methods.includes(request.method) && pattern.test(url.pathname),
    );
    if (found === undefined) {
      response.writeHead(404).end();
      return;
    }
    const parts = [];
    for await (const part of request) parts.push(part);
    const params = { ...found.pattern.exec(url.pathname).groups };
    const { error, returnValue } = await invoke(found.name, {
      http: {
        method: request.method,
        url: url.href,
        ...(parts.length > 0 && { body: { bytes: Buffer.concat(parts) } }),
        nullableHeaders: nullable(request.headers),
        nullableParams: nullable(
          Object.fromEntries(
            Object.entries(params).map(([name, value]) => [name, decodeURIComponent(value)]),
          ),
        ),
        nullableQuery: nullable(Object.fromEntries(url.searchParams)),
      },
    });
    if (error !== undefined) {
      response.writeHead(500).end();
      return;
    }
    const { statusCode, headers, nullableHeaders, body } = returnValue.http;
    const answered = Object.fromEntries(
      Object.entries(nullableHeaders ?? {}).map(([name, { value }]) => [name, value]),
    );
    response.writeHead(Number(statusCode ?? 200), { ...headers, ...answered });
    response.end(
      body === undefined || body === null ? undefined : Buffer.from(body.bytes ?? body.string ?? ''),
    );
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

function patternOf(route) {
  return new RegExp(`^/api/${route.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
}

function nullable(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
}
