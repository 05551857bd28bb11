import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** Name of the API key that the request came with. */
    caller: string | undefined;
    /** Further fields of its line in the log. */
    logged: Record<string, unknown> | undefined;
  }
  interface FastifyContextConfig {
    /** Asked for every few seconds by machines: logged at `debug` alone, and never shed. */
    isProbe?: boolean;
  }
}

/** Writes one line a request, of allow-listed fields: no URL, header, query or body is in it. */
export function logRequests(app: FastifyInstance): void {
  app.decorateRequest('caller', undefined);
  app.decorateRequest('logged', undefined);
  app.addHook('onResponse', (request, reply, done) => {
    const fields = { ...requestFields(request), status: reply.statusCode, durationMs: durationOf(reply) };
    if (request.routeOptions.config.isProbe) request.log.debug(fields, 'request');
    else request.log.info(fields, 'request');
    done();
  });
  app.addHook('onRequestAbort', (request, done) => {
    request.log.info(requestFields(request), 'caller went away');
    done();
  });
}

/** The route's pattern, which unlike the URL names nobody. */
export function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'unmatched';
}

function requestFields(request: FastifyRequest) {
  return {
    requestId: request.id,
    method: request.method,
    route: routeOf(request),
    ...(request.caller !== undefined && { caller: request.caller }),
    ...request.logged,
  };
}

function durationOf(reply: FastifyReply): number {
  return Math.round(reply.elapsedTime * 10) / 10;
}
